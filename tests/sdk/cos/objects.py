"""Objects: put, got, described, and only if they changed."""

import base64
import hashlib

from bucket import ODD_KEYS, Bucket, bytes_of, claim, crc64, etag, refused


class Objects(Bucket):
    @claim
    def an_object_is_put_with_what_describes_it(self):
        told = self.put(
            "described",
            "你好".encode(),
            EnableMD5=True,
            ContentType="text/plain; charset=utf-8",
            CacheControl="max-age=86400",
            ContentDisposition='attachment; filename="a b.txt"',
            Metadata={"x-cos-meta-owner": "张三 Z", "x-cos-meta-kind": "greeting"},
        )
        assert told["ETag"] == etag("你好".encode()), told
        assert told["x-cos-hash-crc64ecma"] == str(crc64("你好".encode())), told
        assert told["x-cos-request-id"], told

    @claim
    def it_is_got_as_it_was_put(self):
        answer = self.cos.get_object(**self.object("described"))
        assert bytes_of(answer) == "你好".encode()
        told = dict(answer, owner=answer["x-cos-meta-owner"].encode("latin-1").decode())
        expected = {
            "ETag": etag("你好".encode()),
            "Content-Length": "6",
            "Content-Type": "text/plain; charset=utf-8",
            "Cache-Control": "max-age=86400",
            "x-cos-hash-crc64ecma": str(crc64("你好".encode())),
            "x-cos-meta-kind": "greeting",
            "owner": "张三 Z",
        }
        assert {name: told.get(name) for name in expected} == expected, told
        lower = {name.lower(): value for name, value in told.items()}
        assert lower["content-disposition"] == 'attachment; filename="a b.txt"', told
        assert lower["accept-ranges"] == "bytes" and lower["last-modified"].endswith("GMT"), told

    @claim
    def the_head_tells_the_same_without_the_bytes(self):
        head, got = (dict(call(**self.object("described"))) for call in (self.cos.head_object, self.cos.get_object))
        for name in ("ETag", "Content-Length", "Content-Type", "Last-Modified", "x-cos-hash-crc64ecma", "x-cos-meta-kind"):
            assert head[name] == got[name], f"{name}: {head} {got}"

    @claim
    def it_is_overwritten_with_all_that_described_it(self):
        self.put("described", b"hello", ContentType="image/png")
        head = self.cos.head_object(**self.object("described"))
        assert head["ETag"] == etag(b"hello") and head["x-cos-hash-crc64ecma"] == "11177612005948864433", head
        assert head["Content-Type"] == "image/png" and "x-cos-meta-kind" not in head and "Cache-Control" not in head, head
        assert self.get("described") == b"hello"

    @claim
    def what_was_damaged_on_the_way_is_not_kept(self):
        other = base64.b64encode(hashlib.md5(b"other").digest()).decode()
        refused(400, "BadDigest", self.put, "described", b"damaged", ContentMD5=other)
        assert self.get("described") == b"hello"

    @claim
    def nothing_and_a_stream_without_a_length_are_put(self):
        assert self.put("empty", b"")["x-cos-hash-crc64ecma"] == "0"
        assert self.get("empty") == b""
        pieces = [b"piece" * 1000 for _ in range(20)]
        self.put("stream", iter(pieces))
        assert self.get("stream") == b"".join(pieces)

    @claim
    def a_part_of_it_is_got(self):
        body = bytes(range(256))
        self.put("ranged", body)
        ranges = (("0-0", 0, 1), ("0-15", 0, 16), ("250-", 250, 256), ("-5", 251, 256), ("250-999", 250, 256))
        for wanted, start, end in ranges:
            answer = self.cos.get_object(**self.object("ranged"), Range=f"bytes={wanted}")
            assert self.sent[-1][2] == 206, self.sent[-1]
            assert bytes_of(answer) == body[start:end], wanted
            told = (answer["Content-Range"], answer["Content-Length"], answer["ETag"])
            assert told == (f"bytes {start}-{end - 1}/256", str(end - start), etag(body)), told
            assert answer["x-cos-hash-crc64ecma"] == str(crc64(body)), "of the whole, not of the part"
        refused(416, "InvalidRange", self.get, "ranged", Range="bytes=256-300")

    @claim
    def it_is_got_only_if_it_changed(self):
        head = self.cos.head_object(**self.object("ranged"))
        other = etag(b"other")
        for condition in ({"IfNoneMatch": head["ETag"]}, {"IfModifiedSince": head["Last-Modified"]}):
            self.cos.head_object(**self.object("ranged"), **condition)
            assert self.sent[-1][2] == 304, f"{condition} {self.sent[-1]}"
        url = self.cos.get_presigned_url(**self.object("ranged"), Method="GET")
        answer = self.fetch("GET", url, headers={"If-None-Match": head["ETag"]})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", head["ETag"]), answer.headers
        old = "Mon, 01 Jan 2024 00:00:00 GMT"
        for condition in ({"IfMatch": other}, {"IfUnmodifiedSince": old}):
            refused(412, "PreconditionFailed", self.get, "ranged", **condition)
        for condition in ({"IfMatch": head["ETag"]}, {"IfNoneMatch": other}, {"IfModifiedSince": old}):
            assert len(self.get("ranged", **condition)) == 256, condition

    @claim
    def the_answer_is_described_as_asked_for(self):
        attachment = "attachment; filename*=UTF-8''%E6%8A%A5.pdf; filename=\"报告 1+1.pdf\""
        answer = self.cos.get_object(
            **self.object("ranged"),
            ResponseContentType="application/pdf",
            ResponseCacheControl="no-store",
            ResponseContentDisposition=attachment,
        )
        told = {name.lower(): value for name, value in answer.items() if name != "Body"}
        assert (told["content-type"], told["cache-control"]) == ("application/pdf", "no-store"), told
        assert told["content-disposition"].encode("latin-1").decode() == attachment, told

    @claim
    def what_is_not_there_is_not_found(self):
        error = refused(404, "NoSuchKey", self.get, "never-put")
        assert error.get_resource_location().endswith("never-put"), error
        refused(404, "NoSuchResource", self.cos.head_object, **self.object("never-put"))
        assert self.absent("never-put") and not self.absent("ranged")

    @claim
    def odd_keys_are_keys(self):
        for key in ODD_KEYS:
            assert self.put(f"odd/{key}", key.encode())["ETag"] == etag(key.encode()), key
        for key in ODD_KEYS:
            assert self.get(f"odd/{key}") == key.encode(), key
            assert self.cos.head_object(**self.object(f"odd/{key}"))["ETag"] == etag(key.encode()), key
            url = self.cos.get_presigned_url(**self.object(f"odd/{key}"), Method="GET")
            assert self.fetch("GET", url).content == key.encode(), url
        assert self.all("odd/")[0] == sorted(ODD_KEYS, key=str.encode)

    @claim
    def a_key_has_an_end(self):
        self.put("k" * (850 - len(self.prefix)))
        refused(400, "KeyTooLong", self.put, "k" * (851 - len(self.prefix)))

    @claim
    def what_exists_is_kept_when_asked_for(self):
        once = {"Metadata": {"x-cos-forbid-overwrite": "true"}}
        self.put("once", b"first", **once)
        refused(409, "FileAlreadyExists", self.put, "once", b"second", **once)
        copy = {"CopySource": self.source("ranged"), **once}
        refused(409, "FileAlreadyExists", self.cos.copy_object, **self.object("once"), **copy)
        assert self.get("once") == b"first"
        self.put("once", b"third")
        assert self.get("once") == b"third"
