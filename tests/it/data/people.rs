//! People, their devices, and staff.

use super::{BYTES, LARGE, LATER, MOST, TEXT, read, write};
use crate::support::app::{START, TestApp};
use weizhan::{
    data::{self, user::Account},
    model::{
        id::{IdentityId, SignInId, StaffId, UserId},
        staff::{Permission, Staff},
        token::{Audience, SignIn},
        user::{Identity, Seen, User, UserState},
    },
};

#[tokio::test]
async fn people_come_back() {
    let app = TestApp::new().await;
    let mut rows = write(&app).await;
    let (plain, joined) = (UserId(LARGE), UserId(1));
    data::user::insert(&mut rows, plain, None, START).await.unwrap();
    data::user::insert(&mut rows, joined, Some("o6-union"), START).await.unwrap();
    assert!(data::user::set_profile(&mut rows, plain, TEXT, "/objects/a", LATER).await.unwrap());
    assert!(data::user::set_phone(&mut rows, plain, &BYTES, "index", LATER).await.unwrap());
    let identity = Identity { id: IdentityId(LARGE), user_id: plain, appid: "wx".into(), openid: "o-A".into() };
    data::user::insert_identity(&mut rows, &identity, &BYTES, START).await.unwrap();
    let sign_in = SignIn {
        id: SignInId(LARGE),
        audience: Audience::Buyer,
        holder_id: LARGE,
        appid: "wx".into(),
        openid: "o-A".into(),
        salt: BYTES.to_vec(),
        generation: MOST,
        rotated_ms: START,
        created_ms: START,
        expires_ms: LATER,
        revoked_ms: None,
    };
    data::token::insert(&mut rows, &sign_in).await.unwrap();
    let staff = Staff {
        id: StaffId(LARGE),
        name: TEXT.into(),
        password_hash: "$argon2id$".into(),
        permissions: "order.read,stock.write,of.tomorrow".into(),
        active: false,
        created_ms: START,
    };
    assert!(data::staff::insert(&mut rows, &staff).await.unwrap());
    assert!(!data::staff::insert(&mut rows, &Staff { id: StaffId(2), ..staff.clone() }).await.unwrap(), "the name");
    rows.commit().await.unwrap();

    let mut rows = read(&app).await;
    let expected = User {
        id: plain,
        unionid: None,
        nickname: TEXT.into(),
        avatar_url: "/objects/a".into(),
        phone_sealed: Some(BYTES.to_vec()),
        state: UserState::Active,
        version: 3,
        created_ms: START,
    };
    assert_eq!(data::user::find(&mut rows, plain).await.unwrap(), Some(expected.clone()));
    let other = data::user::find_by_unionid(&mut rows, "o6-union").await.unwrap().unwrap();
    assert_eq!((other.id, other.unionid.as_deref(), other.phone_sealed), (joined, Some("o6-union"), None));
    let (keys, earlier_keys_sealed) = (BYTES.to_vec(), None);
    let account = Account { identity_id: identity.id, session_key_sealed: keys, earlier_keys_sealed, user: expected };
    assert_eq!(data::user::find_account(&mut rows, "wx", "o-A").await.unwrap(), Some(account));
    assert_eq!(data::user::find_account(&mut rows, "wx", "o-a").await.unwrap(), None, "byte for byte");
    assert_eq!(data::token::find(&mut rows, sign_in.id).await.unwrap(), Some(sign_in.clone()));
    assert_eq!(data::staff::find(&mut rows, staff.id).await.unwrap(), Some(staff.clone()));
    assert_eq!(data::staff::find_by_name(&mut rows, TEXT).await.unwrap(), Some(staff.clone()));
    assert_eq!(
        staff.rights(),
        [Permission::OrderRead, Permission::StockWrite],
        "a word of tomorrow counts for nothing"
    );
    drop(rows);
    let mut rows = write(&app).await;
    assert!(data::token::revoke(&mut rows, sign_in.id, LATER).await.unwrap());
    let over = SignIn { revoked_ms: Some(LATER), ..sign_in };
    assert_eq!(data::token::find(&mut rows, over.id).await.unwrap(), Some(over));
    drop(rows);
    app.end().await;
}

#[tokio::test]
async fn an_account_is_seen_with_its_keys() {
    let app = TestApp::new().await;
    let mut rows = write(&app).await;
    let user = UserId(LARGE);
    data::user::insert(&mut rows, user, None, START).await.unwrap();
    let identity = Identity { id: IdentityId(LARGE), user_id: user, appid: "wx".into(), openid: "o-A".into() };
    data::user::insert_identity(&mut rows, &identity, &BYTES, START).await.unwrap();
    data::user::see_identity(&mut rows, identity.id, (&[1], &[2, 3]), LATER).await.unwrap();
    let account = data::user::find_account_held(&mut rows, "wx", "o-A").await.unwrap().unwrap();
    assert_eq!((account.session_key_sealed, account.earlier_keys_sealed), (vec![1], Some(vec![2, 3])));
    let seen = Seen { appid: "wx".into(), openid: "o-A".into(), created_ms: START, seen_ms: LATER };
    assert_eq!(data::user::list_seen(&mut rows, user).await.unwrap(), [seen]);
    assert_eq!(data::token::list_of(&mut rows, user).await.unwrap(), []);
    drop(rows);
    app.end().await;
}
