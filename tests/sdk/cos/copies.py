"""Copies and deletions, of one and of many."""

from bucket import ODD_KEYS, Bucket, claim, crc64, etag, refused


class Copies(Bucket):
    @claim
    def a_copy_keeps_what_describes_it_or_replaces_it(self):
        self.put("源/a b+c.txt", b"copied", ContentType="text/css", Metadata={"x-cos-meta-kind": "old"})
        told = self.cos.copy_object(**self.object("copy"), CopySource=self.source("源/a b+c.txt"))
        assert told["ETag"] == etag(b"copied") and told["LastModified"], told
        head = self.cos.head_object(**self.object("copy"))
        assert (head["Content-Type"], head["x-cos-meta-kind"]) == ("text/css", "old"), head
        assert head["x-cos-hash-crc64ecma"] == str(crc64(b"copied")) and self.get("copy") == b"copied"
        self.cos.copy_object(
            **self.object("copy"),
            CopySource=self.source("源/a b+c.txt"),
            CopyStatus="Replaced",
            ContentType="text/html",
            Metadata={"x-cos-meta-new": "yes"},
        )
        head = self.cos.head_object(**self.object("copy"))
        assert (head["Content-Type"], head["x-cos-meta-new"]) == ("text/html", "yes"), head
        assert "x-cos-meta-kind" not in head and self.get("copy") == b"copied", head

    @claim
    def a_copy_is_made_only_of_what_was_seen(self):
        seen = {"CopySourceIfMatch": etag(b"other")}
        copy = {**self.object("copy-seen"), "CopySource": self.source("源/a b+c.txt")}
        refused(412, "PreconditionFailed", self.cos.copy_object, **copy, **seen)
        assert self.absent("copy-seen")
        self.cos.copy_object(**copy, CopySourceIfMatch=etag(b"copied"))
        assert self.get("copy-seen") == b"copied"

    @claim
    def nothing_cannot_be_copied(self):
        refused(404, "NoSuchKey", self.cos.copy_object, **self.object("copy-none"), CopySource=self.source("never-put"))
        assert self.absent("copy-none")

    @claim
    def what_is_deleted_is_gone_and_twice_is_no_more(self):
        self.put("gone")
        for _ in range(2):
            self.cos.delete_object(**self.object("gone"))
            assert self.sent[-1][2] == 204, self.sent[-1]
            assert self.absent("gone")

    @claim
    def many_are_deleted_at_once(self):
        for quiet in ("false", "true"):
            keys = [f"{self.prefix}many/{key}" for key in (*ODD_KEYS, "never-put")]
            for key in keys[:-1]:
                self.cos.put_object(self.bucket, b"x", key)
            told = self.cos.delete_objects(self.bucket, {"Object": [{"Key": key} for key in keys], "Quiet": quiet})
            deleted = [entry["Key"] for entry in told.get("Deleted", [])]
            assert sorted(deleted) == ([] if quiet == "true" else sorted(keys)), told
            assert not told.get("Error") and self.all("many/")[0] == [], told
