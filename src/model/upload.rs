//! Uploads: pictures that somebody sends, from the form that allows it to the object that is shown.
//!
//! An upload is `pending` until what came was looked at, then `ready`, and in the end `gone`. The names of its objects
//! are in its row from the beginning, so that a sweep finds them whatever died in between.

use super::{
    id::{StaffId, UploadId, UserId},
    time::{Timestamp, days, minutes},
};
use std::time::Duration;

/// The largest picture.
pub const BYTES_MAX: i64 = 10 << 20;
/// Most uploads of one owner that are not confirmed yet.
pub const PENDING_MAX: i64 = 20;
/// How long a form is good.
pub const FORM_TIME: Duration = minutes(10);
/// How long after that an upload may still be confirmed: the last file may have come just before.
pub const CONFIRM_TIME: Duration = minutes(20);
/// How long a file that comes by way of us may take: as long as the form.
pub const SEND_TIME: Duration = FORM_TIME;
/// How long after its beginning an upload may still get a draft: nobody who was allowed to write one lives that long.
pub const DRAFT_TIME: Duration = minutes(60);
/// How long one look at a file may take before another may begin.
pub const LOOK_TIME: Duration = minutes(5);
/// What must be left of it when the picture is written: whoever is later lets go, so that no two write at once.
pub const WRITE_TIME: Duration = minutes(2);
/// How often WeChat is asked about a picture before staff decide.
pub const ASKED_MAX: u32 = 3;
/// How long its answer may take; it says half an hour.
pub const VERDICT_TIME: Duration = minutes(35);
/// How long a picture is kept that is shown nowhere.
pub const LOOSE_TIME: Duration = days(7);
/// How long the objects of what is gone are looked for: longer than any writer lives that may still put one there.
pub const GONE_TIME: Duration = days(1);

word_enum! {
    /// What it is for.
    pub enum Purpose {
        /// The face of a buyer.
        Avatar = "avatar",
        /// What a buyer shows of goods that come back.
        Refund = "refund",
        /// A product, by staff.
        Product = "product",
    }
}
word_enum! {
    /// How far it is.
    pub enum UploadState {
        /// Allowed, not looked at.
        Pending = "pending",
        /// Looked at and kept.
        Ready = "ready",
        /// To be removed, or removed a moment ago.
        Gone = "gone",
    }
}
word_enum! {
    /// Types of pictures that are taken.
    pub enum PictureType {
        /// JPEG.
        Jpeg = "image/jpeg",
        /// PNG.
        Png = "image/png",
        /// GIF.
        Gif = "image/gif",
        /// WebP.
        Webp = "image/webp",
    }
}
word_enum! {
    /// Who may own an upload.
    pub enum OwnerKind {
        /// A buyer.
        User = "user",
        /// A member of staff.
        Staff = "staff",
    }
}

word_enum! {
    /// What is thought of a picture that others may see.
    pub enum Verdict {
        /// Nobody was asked.
        Unasked = "unasked",
        /// WeChat was asked, or is going to be.
        Waiting = "waiting",
        /// WeChat has nothing against it.
        Pass = "pass",
        /// WeChat is not sure, or says nothing: staff decide.
        Review = "review",
        /// WeChat is against it; staff may decide otherwise.
        Risky = "risky",
        /// Staff have nothing against it.
        Allowed = "allowed",
    }
}

impl Verdict {
    /// Whether the picture must not be shown.
    pub const fn hides(self) -> bool {
        matches!(self, Self::Waiting | Self::Review | Self::Risky)
    }
}

/// Whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// A buyer.
    User(UserId),
    /// A member of staff.
    Staff(StaffId),
}

impl Owner {
    /// As it was stored.
    pub const fn of(upload: &Upload) -> Self {
        match upload.owner {
            OwnerKind::User => Self::User(UserId(upload.owner_id)),
            OwnerKind::Staff => Self::Staff(StaffId(upload.owner_id)),
        }
    }
    /// As it is stored.
    pub const fn columns(self) -> (OwnerKind, i64) {
        match self {
            Self::User(UserId(id)) => (OwnerKind::User, id),
            Self::Staff(StaffId(id)) => (OwnerKind::Staff, id),
        }
    }
}

impl Purpose {
    /// Whether people see it who did not ask for it, so that WeChat wants it to be checked. What comes back with a refund
    /// is seen by staff alone, and what staff send is the shop's own.
    pub const fn is_seen(self) -> bool {
        matches!(self, Self::Avatar)
    }
    /// Whether such an owner may send this.
    pub const fn is_of(self, owner: Owner) -> bool {
        matches!((self, owner), (Self::Avatar | Self::Refund, Owner::User(_)) | (Self::Product, Owner::Staff(_)))
    }
}

impl PictureType {
    /// How names of such objects end.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::Webp => "webp",
        }
    }
}

/// A stored upload.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Upload {
    /// Which.
    pub id: UploadId,
    /// Whose: a buyer or staff.
    pub owner: OwnerKind,
    /// Whose: the number.
    pub owner_id: i64,
    /// Its place among the owner's pending ones, from 0; later its own id.
    pub slot: i64,
    /// From which mini-program; empty for staff.
    pub appid: String,
    /// What for.
    pub purpose: Purpose,
    /// As it was declared, and as it was found to be.
    pub content_type: PictureType,
    /// What the client writes, and nobody is shown.
    pub draft_key: String,
    /// What is shown.
    pub object_key: String,
    /// The same, small.
    pub thumbnail_key: String,
    /// Declared; then as kept.
    pub bytes: i64,
    /// In pixels; 0 until it is known.
    pub width: i64,
    /// In pixels; 0 until it is known.
    pub height: i64,
    /// How far it is.
    pub state: UploadState,
    /// Whether the draft may still be there.
    pub draft_left: bool,
    /// Whether something shows it.
    pub attached: bool,
    /// What is thought of it.
    pub verdict: Verdict,
    /// WeChat's name of the question, or empty.
    pub trace_id: String,
    /// Until when somebody looks at it.
    pub claimed_ms: Timestamp,
    /// Pending: when it can no longer be confirmed. Ready and shown nowhere: when it goes. Gone: when its row goes.
    pub expires_ms: Timestamp,
    /// When it was allowed.
    pub created_ms: Timestamp,
}

refusals! {
    /// Why an upload could not be used.
    pub enum UploadRefusal {
        /// No such upload of this owner.
        NotFound = Missing, "upload.not_found", "no such upload";
        /// Not for this owner.
        PurposeNotAllowed = Forbidden, "upload.purpose_not_allowed", "you may not upload for this purpose";
        /// There are enough.
        TooMany = TooMany, "upload.too_many", "20 uploads are waiting to be confirmed";
        /// The file has not come.
        NotReceived = Conflict, "upload.not_received", "the file has not been uploaded yet";
        /// Somebody is at it.
        Busy = Conflict, "upload.busy", "the upload is being looked at; ask again in a moment";
        /// It was confirmed.
        Confirmed = Conflict, "upload.confirmed", "the upload was confirmed and takes no other file";
        /// It was judged.
        Judged = Conflict, "upload.judged", "the picture has been decided on";
        /// Something shows it.
        InUse = Conflict, "upload.in_use", "the picture is still shown somewhere";
        /// The form is none.
        Malformed = Invalid, "upload.malformed", "multipart/form-data with one file named file is expected";
        /// Too many bytes.
        TooLarge = Invalid, "upload.too_large", "the file is empty or larger than was declared";
        /// No picture.
        Unknown = Invalid, "picture.unknown", "the file is not a picture of a known type";
        /// Another type than was declared.
        OtherType = Invalid, "picture.other_type", "the picture is of another type than was declared";
        /// Too many pixels.
        TooManyPixels = Invalid, "picture.too_large", "the picture has more than 10000 pixels on a side, or 40 million in all";
        /// It cannot be decoded.
        Broken = Invalid, "picture.broken", "the picture is damaged";
        /// It carries something else.
        Polyglot = Invalid, "picture.polyglot", "the file is more than a picture";
    }
}
plain_refusal!(UploadRefusal);
