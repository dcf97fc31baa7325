"""Forms by which one object is uploaded."""

import base64
import hashlib
import json
import time
import urllib.parse

from bucket import MIB, Bucket, bytes_of, claim, denied, etag, noise, sign


class Forms(Bucket):
    def form(self, key, body=b"\xff\xd8hello", fields=None, conditions=(), ends=600, by=None, **odd):
        """Post a form whose policy holds the key, the size and the kind, and what else is given."""
        secret_id, secret_key, token = by or (self.id, self.key, None)
        now, key = int(time.time()), self.prefix + key
        key_time = f"{now - 60};{now + ends}"
        fields = {"key": key, "Content-Type": "image/jpeg", **(fields or {})}
        until = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(now + ends))
        conditions = [
            {"bucket": odd.get("bucket", self.bucket)},
            odd.get("keys", {"key": key}),
            ["content-length-range", 1, 1024],
            ["starts-with", "$Content-Type", "image/"],
            *conditions,
            {"q-sign-algorithm": "sha1"},
            {"q-ak": secret_id},
            {"q-sign-time": key_time},
        ]
        if token:
            fields["x-cos-security-token"] = token
            conditions.append({"x-cos-security-token": token})
        policy = json.dumps({"expiration": until, "conditions": conditions}, ensure_ascii=False)
        signature = sign(sign(secret_key, key_time), hashlib.sha1(policy.encode()).hexdigest())
        fields |= {
            "policy": base64.b64encode(odd.get("alter", lambda policy: policy)(policy).encode()).decode(),
            "q-sign-algorithm": "sha1",
            "q-ak": secret_id,
            "q-key-time": key_time,
            "q-signature": signature,
        }
        parts = [(name, (None, value)) for name, value in fields.items() if value is not None]
        # The kind of the part counts for nothing: that of the field does.
        parts.append(("file", (odd.get("filename", "头像.jpg"), body, "text/html")))
        parts += [(name, (None, value)) for name, value in odd.get("after", {}).items()]
        return self.fetch("POST", self.cos.get_conf().uri(self.bucket), files=parts, allow_redirects=False)

    @claim
    def a_form_is_taken(self):
        for status in (None, "200", "201", "204"):
            key = f"form/{status or 'plain'}.jpg"
            asked = {"success_action_status": status, "x-cos-meta-owner": "me"}
            pinned = [{"success_action_status": status}] if status else []
            answer = self.form(key, fields=asked, conditions=pinned)
            assert answer.status_code == int(status or 204), f"{answer.status_code} {answer.text}"
            assert answer.headers["ETag"] == etag(b"\xff\xd8hello"), answer.headers
            assert answer.headers["Location"].endswith(self.prefix + key), answer.headers
            assert answer.headers["x-cos-request-id"], answer.headers
            got = self.cos.get_object(**self.object(key))
            assert bytes_of(got) == b"\xff\xd8hello"
            assert (got["Content-Type"], got["x-cos-meta-owner"]) == ("image/jpeg", "me"), got

    @claim
    def a_form_goes_on_to_where_it_is_sent(self):
        to = "http://shop.example/done"
        answer = self.form("form/on.jpg", fields={"success_action_redirect": to, "success_action_status": "201"})
        assert answer.status_code == 303, f"{answer.status_code} {answer.text}"
        where, query = answer.headers["Location"].split("?")
        expected = [("bucket", self.bucket), ("key", f"{self.prefix}form/on.jpg"), ("etag", etag(b"\xff\xd8hello"))]
        assert (where, urllib.parse.parse_qsl(query)) == (to, expected), answer.headers["Location"]

    @claim
    def a_form_names_its_file(self):
        named = {"keys": ["starts-with", "$key", f"{self.prefix}form/用户/"]}
        answer = self.form("form/用户/${filename}", filename="a b.jpg", **named)
        assert answer.status_code == 204, answer.text
        assert self.get("form/用户/a b.jpg") == b"\xff\xd8hello"
        denied(403, "AccessDenied", self.form("form/其他/${filename}", **named))

    @claim
    def a_form_of_the_wrong_size_is_refused(self):
        assert self.form("form/size.jpg", b"x" * 1024).status_code == 204
        denied(400, "EntityTooLarge", self.form("form/large.jpg", b"x" * 1025))
        denied(400, "EntityTooLarge", self.form("form/large.jpg", noise(MIB)))
        denied(400, "EntityTooSmall", self.form("form/small.jpg", b""))
        assert self.absent("form/large.jpg") and self.absent("form/small.jpg")

    @claim
    def a_form_that_is_not_what_was_signed_is_refused(self):
        other = {"key": f"{self.prefix}form/other.jpg"}
        for wrong in (
            {"fields": other},
            {"fields": {"Content-Type": "text/html"}},
            {"fields": {"Content-Type": None}},
            {"fields": {"success_action_status": "201"}, "conditions": [{"success_action_status": "200"}]},
            {"conditions": [{"x-cos-meta-owner": "me"}]},
            {"conditions": [["eq", "$x-cos-meta-owner", "me"]], "fields": {"x-cos-meta-owner": "you"}},
            {"bucket": "other-1250000000"},
            {"ends": -30},
        ):
            denied(403, "AccessDenied", self.form("form/refused.jpg", **wrong))
        assert self.absent("form/refused.jpg") and self.absent("form/other.jpg")

    @claim
    def a_form_that_somebody_altered_is_refused(self):
        altered = {"alter": lambda policy: policy.replace("1024", "9999")}
        denied(403, "SignatureDoesNotMatch", self.form("form/altered.jpg", **altered))
        denied(403, "SignatureDoesNotMatch", self.form("form/altered.jpg", by=(self.id, "wrong" * 8, None)))
        denied(403, "InvalidAccessKeyId", self.form("form/altered.jpg", by=("AKIDnobody", self.key, None)))
        unsigned = [("key", (None, f"{self.prefix}form/altered.jpg")), ("file", ("a.jpg", b"x"))]
        denied(403, "AccessDenied", self.fetch("POST", self.cos.get_conf().uri(self.bucket), files=unsigned))
        assert self.absent("form/altered.jpg")

    @claim
    def what_follows_the_file_is_nothing(self):
        after = {"key": f"{self.prefix}form/late.jpg", "Content-Type": "text/html", "x-cos-meta-late": "yes"}
        assert self.form("form/early.jpg", after=after).status_code == 204
        head = self.cos.head_object(**self.object("form/early.jpg"))
        assert head["Content-Type"] == "image/jpeg" and "x-cos-meta-late" not in head, head
        assert self.absent("form/late.jpg")
