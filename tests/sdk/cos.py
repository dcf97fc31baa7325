"""A backend in Python, with the COS SDK of Tencent that knows nothing of us, against the simulator: objects, lists,
uploads in parts, signed addresses, forms and temporary credentials, in each of the ways in which that SDK can reach a
bucket that is elsewhere.

Usage: cos.py SETTINGS, a file with a section [cos] as in config/default.toml.
"""

import base64
import hashlib
import hmac
import json
import logging
import os
import random
import sys
import tempfile
import time
import tomllib
import traceback
import types
import urllib.parse
from unittest import mock

import crcmod
import requests
from qcloud_cos import CosConfig, CosS3Client, CosServiceError
from qcloud_cos.cos_auth import CosS3Auth
from qcloud_cos.cos_exception import digest_xml
from sts.sts import Sts

MIB = 1024 * 1024
# The SDK gives headers as they came, under the names that COS writes; HTTP leaves the case open.
AS_COS_WRITES = ("ETag", "Content-Type", "Content-Length", "Content-Range", "Last-Modified", "Cache-Control", "Location")
ODD_KEYS = (
    "a b",
    "a+b",
    "a&b",
    "a=b?c#d",
    "a%2Fb",
    "中文/头像(1).png",
    "x//y",
    "x/y",
    ".hidden",
    "clash",
    "clash/under",
    "Case",
    "case",
    "quoted'\"<!>*~",
)
MULTIPART = ("InitiateMultipartUpload", "ListMultipartUploads", "ListParts", "UploadPart", "CompleteMultipartUpload")

crc64 = crcmod.mkCrcFun(0x142F0E1EBA9EA3693, initCrc=0, xorOut=0xFFFFFFFFFFFFFFFF, rev=True)


def etag(body):
    return f'"{hashlib.md5(body).hexdigest()}"'


def bytes_of(answer):
    return answer["Body"].get_raw_stream().read()


def sign(key, text):
    return hmac.new(key.encode(), text.encode(), hashlib.sha1).hexdigest()


def refused(status, code, call, *arguments, **named):
    """The SDK is told no, in these words; what else it was told."""
    try:
        given = call(*arguments, **named)
    except CosServiceError as error:
        told = (error.get_status_code(), error.get_error_code())
        assert told == (status, code), f"{told}: {error}"
        assert error.get_request_id() not in ("", "Unknown"), error
        return error
    raise AssertionError(f"{code} was expected, and it was done: {given}")


def denied(status, code, answer):
    """The same of an answer that no SDK has read."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    told = digest_xml(answer.content)
    assert told["code"] == code, told
    return told


class Bucket:
    """The bucket as it is reached in one of the ways."""

    WAYS = ("the host of the bucket at our address", "our address for the bucket", "a proxy")

    def __init__(self, settings, way):
        cos = settings["cos"]
        self.bucket, self.region = cos["bucket"], cos["region"]
        self.id, self.key = cos["secret_id"], read(cos["secret_key_file"])
        self.sts_url, home = cos["sts_base_url"], urllib.parse.urlsplit(cos["base_url"])
        self.way = {
            Bucket.WAYS[0]: {"IP": home.hostname, "Port": home.port},
            Bucket.WAYS[1]: {"Domain": home.netloc},
            Bucket.WAYS[2]: {"Proxies": {"http": cos["base_url"]}},
        }[way]
        self.proxies, self.sent = self.way.get("Proxies"), []
        self.http = requests.Session()
        # What the machine has for a proxy is not asked.
        self.http.trust_env = False
        self.http.hooks["response"].append(self.note)
        self.cos = self.client(self.id, self.key)
        self.prefix = f"py-{Bucket.WAYS.index(way)}/"

    def note(self, answer, **_):
        self.sent.append((answer.request.method, answer.request.path_url, answer.status_code))
        for name in AS_COS_WRITES:
            if name in answer.headers:
                answer.headers[name] = answer.headers.pop(name)

    def client(self, secret_id=None, secret_key=None, token=None, **named):
        conf = CosConfig(
            Region=self.region, SecretId=secret_id, SecretKey=secret_key, Token=token, Scheme="http", **self.way, **named
        )
        # Else it tries thrice whatever is wrong with the wire.
        return CosS3Client(conf, retry=0, session=self.http)

    def object(self, key):
        return {"Bucket": self.bucket, "Key": self.prefix + key}

    def put(self, key, body=b"hello", **named):
        return self.cos.put_object(**self.object(key), Body=body, **named)

    def get(self, key, **named):
        return bytes_of(self.cos.get_object(**self.object(key), **named))

    def absent(self, key):
        return not self.cos.object_exists(**self.object(key))

    def source(self, key):
        return {"Bucket": self.bucket, "Region": self.region, "Key": self.prefix + key}

    def all(self, prefix, **named):
        """Every page of a list: the keys, the common prefixes, and how many pages it took."""
        keys, commons, pages, marker = [], [], 0, ""
        while True:
            page = self.cos.list_objects(self.bucket, Prefix=self.prefix + prefix, Marker=marker, **named)
            pages += 1
            keys += [entry["Key"].removeprefix(self.prefix + prefix) for entry in page.get("Contents", [])]
            commons += [entry["Prefix"].removeprefix(self.prefix + prefix) for entry in page.get("CommonPrefixes", [])]
            if page["IsTruncated"] == "false":
                assert not page.get("NextMarker"), page
                return keys, commons, pages
            assert pages < 100, f"from {marker} on there is no end"
            marker = page["NextMarker"]

    # Objects.

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

    def the_head_tells_the_same_without_the_bytes(self):
        head, got = (dict(call(**self.object("described"))) for call in (self.cos.head_object, self.cos.get_object))
        for name in ("ETag", "Content-Length", "Content-Type", "Last-Modified", "x-cos-hash-crc64ecma", "x-cos-meta-kind"):
            assert head[name] == got[name], f"{name}: {head} {got}"

    def it_is_overwritten_with_all_that_described_it(self):
        self.put("described", b"hello", ContentType="image/png")
        head = self.cos.head_object(**self.object("described"))
        assert head["ETag"] == etag(b"hello") and head["x-cos-hash-crc64ecma"] == "11177612005948864433", head
        assert head["Content-Type"] == "image/png" and "x-cos-meta-kind" not in head and "Cache-Control" not in head, head
        assert self.get("described") == b"hello"

    def what_was_damaged_on_the_way_is_not_kept(self):
        other = base64.b64encode(hashlib.md5(b"other").digest()).decode()
        refused(400, "BadDigest", self.put, "described", b"damaged", ContentMD5=other)
        assert self.get("described") == b"hello"

    def nothing_and_a_stream_without_a_length_are_put(self):
        assert self.put("empty", b"")["x-cos-hash-crc64ecma"] == "0"
        assert self.get("empty") == b""
        pieces = [b"piece" * 1000 for _ in range(20)]
        self.put("stream", iter(pieces))
        assert self.get("stream") == b"".join(pieces)

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

    def what_is_not_there_is_not_found(self):
        error = refused(404, "NoSuchKey", self.get, "never-put")
        assert error.get_resource_location().endswith("never-put"), error
        refused(404, "NoSuchResource", self.cos.head_object, **self.object("never-put"))
        assert self.absent("never-put") and not self.absent("ranged")

    def odd_keys_are_keys(self):
        for key in ODD_KEYS:
            assert self.put(f"odd/{key}", key.encode())["ETag"] == etag(key.encode()), key
        for key in ODD_KEYS:
            assert self.get(f"odd/{key}") == key.encode(), key
            assert self.cos.head_object(**self.object(f"odd/{key}"))["ETag"] == etag(key.encode()), key
            url = self.cos.get_presigned_url(**self.object(f"odd/{key}"), Method="GET")
            assert self.fetch("GET", url).content == key.encode(), url
        assert self.all("odd/")[0] == sorted(ODD_KEYS, key=str.encode)

    def a_key_has_an_end(self):
        self.put("k" * (850 - len(self.prefix)))
        refused(400, "KeyTooLong", self.put, "k" * (851 - len(self.prefix)))

    def what_exists_is_kept_when_asked_for(self):
        once = {"Metadata": {"x-cos-forbid-overwrite": "true"}}
        self.put("once", b"first", **once)
        refused(409, "FileAlreadyExists", self.put, "once", b"second", **once)
        copy = {"CopySource": self.source("ranged"), **once}
        refused(409, "FileAlreadyExists", self.cos.copy_object, **self.object("once"), **copy)
        assert self.get("once") == b"first"
        self.put("once", b"third")
        assert self.get("once") == b"third"

    # Lists.

    def a_list_is_in_the_order_of_bytes(self):
        for key in ("b", "a", "a/1", "a-1", "a1", "用户/甲", "用户/乙/1", "用户/乙/2", "用户/丙/1", "Z"):
            self.put(f"list/{key}", key.encode())
        page = self.cos.list_objects(self.bucket, Prefix=f"{self.prefix}list/")
        keys = [entry["Key"].removeprefix(f"{self.prefix}list/") for entry in page["Contents"]]
        assert keys == sorted(keys, key=str.encode) and len(keys) == 10, keys
        assert (page["Name"], page["MaxKeys"], page["IsTruncated"]) == (self.bucket, "1000", "false"), page
        assert page["Prefix"] == f"{self.prefix}list/", page
        for entry, key in zip(page["Contents"], keys):
            assert (entry["ETag"], entry["Size"]) == (etag(key.encode()), str(len(key.encode()))), entry
            assert entry["StorageClass"] == "STANDARD" and entry["Owner"]["ID"], entry
            time.strptime(entry["LastModified"], "%Y-%m-%dT%H:%M:%S.000Z")

    def a_delimiter_folds_it(self):
        assert self.all("list/", Delimiter="/")[:2] == (["Z", "a", "a-1", "a1", "b"], ["a/", "用户/"])
        assert self.all("list/用户/", Delimiter="/")[:2] == (["甲"], ["丙/", "乙/"])
        assert self.all("list/用户/乙/", Delimiter="/")[:2] == (["1", "2"], [])
        assert self.all("list/用", Delimiter="乙/")[:2] == (["户/丙/1", "户/甲"], ["户/乙/"])
        assert self.all("list/nothing", Delimiter="/")[:2] == ([], [])

    def it_is_turned_page_by_page(self):
        keys, _, pages = self.all("list/", MaxKeys=3)
        assert pages == 4 and keys == self.all("list/")[0], (pages, keys)
        keys, commons, pages = self.all("list/", MaxKeys=2, Delimiter="/")
        assert (keys, commons, pages) == (["Z", "a", "a-1", "a1", "b"], ["a/", "用户/"], 4), (keys, commons, pages)
        keys, _, pages = self.all("odd/", MaxKeys=1)
        assert pages == len(ODD_KEYS) and keys == sorted(ODD_KEYS, key=str.encode), (pages, keys)

    def names_are_encoded_for_the_way(self):
        page = self.cos.list_objects(self.bucket, Prefix=f"{self.prefix}odd/", EncodingType="url", MaxKeys=100)
        told = [entry["Key"] for entry in page["Contents"]]
        expected = [urllib.parse.quote(f"{self.prefix}odd/{key}", "/-_.~") for key in sorted(ODD_KEYS, key=str.encode)]
        assert page["EncodingType"] == "url" and told == expected, told

    # Copies and deletions.

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

    def a_copy_is_made_only_of_what_was_seen(self):
        seen = {"CopySourceIfMatch": etag(b"other")}
        copy = {**self.object("copy-seen"), "CopySource": self.source("源/a b+c.txt")}
        refused(412, "PreconditionFailed", self.cos.copy_object, **copy, **seen)
        assert self.absent("copy-seen")
        self.cos.copy_object(**copy, CopySourceIfMatch=etag(b"copied"))
        assert self.get("copy-seen") == b"copied"

    def nothing_cannot_be_copied(self):
        refused(404, "NoSuchKey", self.cos.copy_object, **self.object("copy-none"), CopySource=self.source("never-put"))
        assert self.absent("copy-none")

    def what_is_deleted_is_gone_and_twice_is_no_more(self):
        self.put("gone")
        for _ in range(2):
            self.cos.delete_object(**self.object("gone"))
            assert self.sent[-1][2] == 204, self.sent[-1]
            assert self.absent("gone")

    def many_are_deleted_at_once(self):
        for quiet in ("false", "true"):
            keys = [f"{self.prefix}many/{key}" for key in (*ODD_KEYS, "never-put")]
            for key in keys[:-1]:
                self.cos.put_object(self.bucket, b"x", key)
            told = self.cos.delete_objects(self.bucket, {"Object": [{"Key": key} for key in keys], "Quiet": quiet})
            deleted = [entry["Key"] for entry in told.get("Deleted", [])]
            assert sorted(deleted) == ([] if quiet == "true" else sorted(keys)), told
            assert not told.get("Error") and self.all("many/")[0] == [], told

    # Uploads in parts.

    def parts(self, key, *bodies, **named):
        upload = self.cos.create_multipart_upload(**self.object(key), **named)["UploadId"]
        told = [
            self.cos.upload_part(**self.object(key), Body=body, PartNumber=number, UploadId=upload, EnableMD5=True)["ETag"]
            for number, body in enumerate(bodies, 1)
        ]
        assert told == [etag(body) for body in bodies], told
        return upload, [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(told, 1)]

    def complete(self, key, upload, parts, **named):
        return self.cos.complete_multipart_upload(
            **self.object(key), UploadId=upload, MultipartUpload={"Part": parts}, **named
        )

    def parts_become_an_object(self):
        key, bodies = "parts/大 文件.bin", (noise(MIB), noise(MIB + 1), b"end")
        upload, parts = self.parts(key, *bodies, ContentType="video/mp4", Metadata={"x-cos-meta-kind": "film"})
        under_way = self.cos.list_multipart_uploads(self.bucket, Prefix=f"{self.prefix}parts/")["Upload"]
        assert [(one["Key"], one["UploadId"]) for one in under_way] == [(self.prefix + key, upload)], under_way
        # A part that comes again takes the place of the first.
        again = noise(MIB)
        parts[0]["ETag"] = self.cos.upload_part(**self.object(key), Body=again, PartNumber=1, UploadId=upload)["ETag"]
        assert self.absent(key)
        told = self.complete(key, upload, parts)
        assert told["Key"] == self.prefix + key and told["Bucket"] == self.bucket and told["Location"], told
        whole = again + bodies[1] + bodies[2]
        answer = self.cos.get_object(**self.object(key))
        assert bytes_of(answer) == whole
        assert answer["ETag"] == told["ETag"] and answer["ETag"].strip('"').endswith("-3"), answer["ETag"]
        assert answer["x-cos-hash-crc64ecma"] == str(crc64(whole)), answer
        assert (answer["Content-Type"], answer["x-cos-meta-kind"]) == ("video/mp4", "film"), answer
        refused(404, "NoSuchUpload", self.cos.list_parts, **self.object(key), UploadId=upload)
        assert "Upload" not in self.cos.list_multipart_uploads(self.bucket, Prefix=f"{self.prefix}parts/")

    def parts_are_listed(self):
        key, bodies = "parts/listed", (noise(MIB), noise(MIB), b"end")
        upload, parts = self.parts(key, *bodies)
        told, marker = [], 0
        for truncated in ("true", "false"):
            page = self.cos.list_parts(**self.object(key), UploadId=upload, MaxParts=2, PartNumberMarker=marker)
            assert page["IsTruncated"] == truncated and page["UploadId"] == upload, page
            told += [(part["PartNumber"], part["ETag"], part["Size"]) for part in page["Part"]]
            marker = page.get("NextPartNumberMarker")
        expected = [(str(number), etag(body), str(len(body))) for number, body in enumerate(bodies, 1)]
        assert told == expected, told
        self.complete(key, upload, parts)

    def an_upload_is_given_up(self):
        upload, parts = self.parts("parts/aborted", noise(MIB))
        self.cos.abort_multipart_upload(**self.object("parts/aborted"), UploadId=upload)
        assert self.sent[-1][2] == 204, self.sent[-1]
        refused(404, "NoSuchUpload", self.complete, "parts/aborted", upload, parts)
        part = {**self.object("parts/aborted"), "Body": b"x", "PartNumber": 1, "UploadId": upload}
        refused(404, "NoSuchUpload", self.cos.upload_part, **part)
        assert self.absent("parts/aborted")

    def parts_that_do_not_fit_become_nothing(self):
        key = "parts/broken"
        upload, parts = self.parts(key, b"too small", noise(MIB))
        refused(400, "EntityTooSmall", self.complete, key, upload, parts)
        wrong = [{"PartNumber": 2, "ETag": etag(b"other")}]
        refused(400, "InvalidPart", self.complete, key, upload, wrong)
        refused(400, "InvalidPart", self.complete, key, upload, [{"PartNumber": 3, "ETag": etag(b"other")}])
        refused(400, "InvalidPartOrder", self.complete, key, upload, parts[::-1])
        assert self.absent(key)
        self.cos.upload_part(**self.object(key), Body=noise(MIB), PartNumber=1, UploadId=upload)
        self.cos.abort_multipart_upload(**self.object(key), UploadId=upload)

    def a_part_is_copied_from_an_object(self):
        body, key = noise(2 * MIB), "parts/copied"
        self.put("parts/source", body)
        upload = self.cos.create_multipart_upload(**self.object(key))["UploadId"]
        parts = []
        for number, wanted in enumerate((f"bytes=0-{MIB - 1}", f"bytes={MIB}-{MIB + 99}"), 1):
            copy = {"CopySource": self.source("parts/source"), "CopySourceRange": wanted}
            told = self.cos.upload_part_copy(**self.object(key), PartNumber=number, UploadId=upload, **copy)
            parts.append({"PartNumber": number, "ETag": told["ETag"]})
        self.complete(key, upload, parts)
        assert self.get(key) == body[: MIB + 100]

    def a_big_file_goes_up_and_comes_down(self):
        with tempfile.TemporaryDirectory() as folder:
            up, down, body = f"{folder}/up", f"{folder}/down", noise(6 * MIB + 12345)
            write(up, body)
            self.cos.upload_file(**self.object("big"), LocalFilePath=up, PartSize=1, MAXThread=3, EnableMD5=True)
            head = self.cos.head_object(**self.object("big"))
            assert head["x-cos-hash-crc64ecma"] == str(crc64(body)) and head["Content-Length"] == str(len(body)), head
            self.cos.download_file(
                **self.object("big"), DestFilePath=down, PartSize=1, MAXThread=3, EnableCRC=True, DumpRecordDir=folder
            )
            with open(down, "rb") as file:
                assert file.read() == body

    def an_upload_goes_on_where_it_stopped(self):
        with tempfile.TemporaryDirectory() as folder:
            body = noise(3 * MIB + 1)
            write(f"{folder}/up", body)
            self.parts("resumed", body[:MIB], body[MIB : 2 * MIB])
            before = len(self.sent)
            self.cos.upload_file(**self.object("resumed"), LocalFilePath=f"{folder}/up", PartSize=1)
            sent = self.sent[before:]
            assert sum(method == "PUT" for method, _, _ in sent) == 2, sent
            assert not any("uploads" in path for method, path, _ in sent if method == "POST"), sent
            assert self.get("resumed") == body

    # Who may.

    def fetch(self, method, url, **named):
        """As a client with no SDK."""
        return self.http.request(method, url, proxies=self.proxies, **named)

    def a_signed_address_is_good_for_what_was_signed(self):
        self.put("signed", b"signed")
        url = self.cos.get_presigned_url(**self.object("signed"), Method="GET")
        assert self.fetch("GET", url).content == b"signed"
        for method in ("PUT", "DELETE", "HEAD"):
            assert self.fetch(method, url).status_code == 403, method
        denied(403, "SignatureDoesNotMatch", self.fetch("PUT", url))
        denied(403, "SignatureDoesNotMatch", self.fetch("GET", url.replace("/signed?", "/once?")))
        params = {"response-content-disposition": 'attachment; filename="报告 1+1.pdf"', "response-content-type": "a/b"}
        url = self.cos.get_presigned_url(**self.object("signed"), Method="GET", Params=params)
        answer = self.fetch("GET", url)
        assert answer.ok and answer.headers["Content-Type"] == "a/b", answer.text
        told = answer.headers["Content-Disposition"].encode("latin-1").decode()
        assert told == params["response-content-disposition"], told
        denied(403, "SignatureDoesNotMatch", self.fetch("GET", url.replace("a%2Fb", "text%2Fhtml")))
        assert self.get("signed") == b"signed"

    def a_signed_address_ends(self):
        for method in ("GET", "PUT"):
            url = self.cos.get_presigned_url(**self.object("signed"), Method=method, Expired=-30)
            told = denied(403, "AccessDenied", self.fetch(method, url))
            assert told["message"] == "Request has expired", told

    def a_signed_address_takes_only_what_was_signed(self):
        signed = {"Content-Type": "image/png", "Content-Length": "5"}
        url = self.cos.get_presigned_url(**self.object("taken 中.png"), Method="PUT", Headers=signed)
        for kind, body in (("text/html", b"hello"), (None, b"hello"), ("image/png", b"hello, world")):
            headers = {"Content-Type": kind} if kind else {}
            denied(403, "SignatureDoesNotMatch", self.fetch("PUT", url, data=body, headers=headers))
        assert self.absent("taken 中.png")
        answer = self.fetch("PUT", url, data=b"hello", headers={"Content-Type": "image/png"})
        assert answer.status_code == 200 and answer.headers["ETag"] == etag(b"hello"), answer.text
        assert self.cos.head_object(**self.object("taken 中.png"))["Content-Type"] == "image/png"

    def who_is_unknown_may_not(self):
        known = self.object("signed")
        refused(403, "SignatureDoesNotMatch", self.client(self.id, "wrong" * 8).get_object, **known)
        refused(403, "InvalidAccessKeyId", self.client("AKIDnobody", self.key).get_object, **known)
        refused(403, "AccessDenied", self.client(Anonymous=True).get_object, **known)
        refused(403, "AccessDenied", self.client(Anonymous=True).put_object, **self.object("anonymous"), Body=b"x")
        refused(403, "AccessDenied", self.client(Anonymous=True).list_objects, self.bucket)
        assert self.absent("anonymous")

    def a_clock_that_is_wrong_is_told(self):
        for seconds, code in ((3600, "RequestTimeTooSkewed"), (-86400, "AccessDenied")):
            clock = types.SimpleNamespace(time=lambda: time.time() + seconds)
            with mock.patch("qcloud_cos.cos_auth.time", clock):
                refused(403, code, self.get, "signed")

    def another_bucket_and_an_address_by_path_are_refused(self):
        for host, path, status, code in (
            (f"other-1250000000.cos.{self.region}.myqcloud.com", "k", 404, "NoSuchBucket"),
            (f"cos.{self.region}.myqcloud.com", f"{self.bucket}/k", 403, "PathStyleDomainForbidden"),
        ):
            url = f"http://{host}/{path}"
            proxies = {"http": self.sts_url}
            conf = self.cos.get_conf()
            denied(status, code, self.http.get(url, auth=CosS3Auth(conf, path), proxies=proxies))

    # Forms.

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

    def a_form_goes_on_to_where_it_is_sent(self):
        to = "http://shop.example/done"
        answer = self.form("form/on.jpg", fields={"success_action_redirect": to, "success_action_status": "201"})
        assert answer.status_code == 303, f"{answer.status_code} {answer.text}"
        where, query = answer.headers["Location"].split("?")
        expected = [("bucket", self.bucket), ("key", f"{self.prefix}form/on.jpg"), ("etag", etag(b"\xff\xd8hello"))]
        assert (where, urllib.parse.parse_qsl(query)) == (to, expected), answer.headers["Location"]

    def a_form_names_its_file(self):
        named = {"keys": ["starts-with", "$key", f"{self.prefix}form/用户/"]}
        answer = self.form("form/用户/${filename}", filename="a b.jpg", **named)
        assert answer.status_code == 204, answer.text
        assert self.get("form/用户/a b.jpg") == b"\xff\xd8hello"
        denied(403, "AccessDenied", self.form("form/其他/${filename}", **named))

    def a_form_of_the_wrong_size_is_refused(self):
        assert self.form("form/size.jpg", b"x" * 1024).status_code == 204
        denied(400, "EntityTooLarge", self.form("form/large.jpg", b"x" * 1025))
        denied(400, "EntityTooLarge", self.form("form/large.jpg", noise(MIB)))
        denied(400, "EntityTooSmall", self.form("form/small.jpg", b""))
        assert self.absent("form/large.jpg") and self.absent("form/small.jpg")

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

    def a_form_that_somebody_altered_is_refused(self):
        altered = {"alter": lambda policy: policy.replace("1024", "9999")}
        denied(403, "SignatureDoesNotMatch", self.form("form/altered.jpg", **altered))
        denied(403, "SignatureDoesNotMatch", self.form("form/altered.jpg", by=(self.id, "wrong" * 8, None)))
        denied(403, "InvalidAccessKeyId", self.form("form/altered.jpg", by=("AKIDnobody", self.key, None)))
        unsigned = [("key", (None, f"{self.prefix}form/altered.jpg")), ("file", ("a.jpg", b"x"))]
        denied(403, "AccessDenied", self.fetch("POST", self.cos.get_conf().uri(self.bucket), files=unsigned))
        assert self.absent("form/altered.jpg")

    def what_follows_the_file_is_nothing(self):
        after = {"key": f"{self.prefix}form/late.jpg", "Content-Type": "text/html", "x-cos-meta-late": "yes"}
        assert self.form("form/early.jpg", after=after).status_code == 204
        head = self.cos.head_object(**self.object("form/early.jpg"))
        assert head["Content-Type"] == "image/jpeg" and "x-cos-meta-late" not in head, head
        assert self.absent("form/late.jpg")

    # Temporary credentials.

    def federation(self, policy, by=None, at=None, seconds=1800):
        """Ask for a credential in the dialect of today, TC3."""
        secret_id, secret_key = by or (self.id, self.key)
        at, host = int(at or time.time()), urllib.parse.urlsplit(self.sts_url).netloc
        day = time.strftime("%Y-%m-%d", time.gmtime(at))
        ask = {"Name": "shop", "Policy": urllib.parse.quote(json.dumps(policy), ""), "DurationSeconds": seconds}
        body = json.dumps(ask)
        digest = hashlib.sha256(body.encode()).hexdigest()
        canonical = f"POST\n/\n\ncontent-type:application/json\nhost:{host}\n\ncontent-type;host\n{digest}"
        scope, key = f"{day}/sts/tc3_request", f"TC3{secret_key}".encode()
        for step in scope.split("/"):
            key = hmac.new(key, step.encode(), hashlib.sha256).digest()
        text = f"TC3-HMAC-SHA256\n{at}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        signed = f"Credential={secret_id}/{scope}, SignedHeaders=content-type;host, Signature={signature}"
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"TC3-HMAC-SHA256 {signed}",
            "X-TC-Action": "GetFederationToken",
            "X-TC-Version": "2018-08-13",
            "X-TC-Timestamp": str(at),
            "X-TC-Region": self.region,
        }
        answer = self.http.post(self.sts_url, data=body, headers=headers)
        assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
        return answer.json()["Response"]

    def policy(self, *actions, prefix="own/*", **condition):
        account = self.bucket.rsplit("-", 1)[1]
        resource = f"qcs::cos:{self.region}:uid/{account}:{self.bucket}/{self.prefix}{prefix}"
        allowed = {"effect": "allow", "action": [f"name/cos:{action}" for action in actions], "resource": [resource]}
        return {"version": "2.0", "statement": [allowed | ({"condition": condition} if condition else {})]}

    def temporary(self, *actions, **named):
        told = self.federation(self.policy(*actions, **named))
        assert "Error" not in told, told
        assert 1700 < told["ExpiredTime"] - time.time() <= 1801 and told["Expiration"].endswith("Z"), told
        credential = told["Credentials"]
        return credential["TmpSecretId"], credential["TmpSecretKey"], credential["Token"]

    def a_temporary_credential_may_what_it_was_given_for(self):
        self.put("own/there")
        self.put("foreign")
        guest = self.client(*self.temporary("PutObject", "GetObject"))
        guest.put_object(**self.object("own/用户 1"), Body=b"guest")
        assert bytes_of(guest.get_object(**self.object("own/用户 1"))) == b"guest"
        for call, key, named in (
            (guest.put_object, "foreign", {"Body": b"guest"}),
            (guest.put_object, "own", {"Body": b"guest"}),
            (guest.get_object, "foreign", {}),
            (guest.delete_object, "own/there", {}),
            (guest.create_multipart_upload, "own/there", {}),
        ):
            refused(403, "AccessDenied", call, **self.object(key), **named)
        refused(403, "AccessDenied", guest.list_objects, self.bucket, Prefix=f"{self.prefix}own/")
        assert self.get("own/there") == b"hello" and self.get("foreign") == b"hello" and self.absent("own")

    def a_temporary_credential_is_held_to_its_conditions(self):
        limits = {
            "numeric_less_than_equal": {"cos:content-length": 10},
            "string_like": {"cos:content-type": "image/*"},
        }
        guest = self.client(*self.temporary("PutObject", **limits))
        for body, kind in ((b"hello, world", "image/png"), (b"hello", "text/html")):
            refused(403, "AccessDenied", guest.put_object, **self.object("own/held"), Body=body, ContentType=kind)
        guest.put_object(**self.object("own/held"), Body=b"hello", ContentType="image/png")

    def a_temporary_credential_uploads_in_parts(self):
        guest = self.client(*self.temporary(*MULTIPART, prefix="own/big"))
        with tempfile.TemporaryDirectory() as folder:
            body = noise(2 * MIB + 1)
            write(f"{folder}/up", body)
            # It looks for what there is to go on with under a prefix, which is that of the key.
            guest.upload_file(**self.object("own/big"), LocalFilePath=f"{folder}/up", PartSize=1)
        assert self.get("own/big") == body

    def a_token_is_of_one_id(self):
        one, other = self.temporary("GetObject"), self.temporary("GetObject")
        mine = self.object("own/there")
        assert bytes_of(self.client(*one).get_object(**mine)) == b"hello"
        for secret_id, secret_key, token in (
            (*one[:2], other[2]),
            (*one[:2], one[2].swapcase()),
            (*one[:2], None),
            (self.id, self.key, one[2]),
        ):
            try:
                self.client(secret_id, secret_key, token).get_object(**mine)
            except CosServiceError as error:
                assert error.get_status_code() == 403, error
            else:
                raise AssertionError(f"{secret_id} passes with another's token")

    def a_temporary_credential_signs_addresses_and_forms(self):
        *pair, token = self.temporary("GetObject", "PutObject", "PostObject")
        guest = self.client(*pair, token)
        signed = {**self.object("own/there"), "Method": "GET", "Params": {"x-cos-security-token": token}}
        assert self.fetch("GET", guest.get_presigned_url(**signed)).content == b"hello"
        unsigned = guest.get_presigned_url(**self.object("own/there"), Method="GET")
        assert self.fetch("GET", unsigned).status_code == 403
        assert self.fetch("GET", f"{unsigned}&x-cos-security-token={urllib.parse.quote(token, '')}").content == b"hello"
        assert self.form("own/form.jpg", by=(*pair, token)).status_code == 204
        denied(403, "AccessDenied", self.form("foreign.jpg", by=(*pair, token)))
        assert self.form("own/none.jpg", by=(*pair, None)).status_code == 403
        assert self.absent("foreign.jpg") and self.absent("own/none.jpg")

    def who_may_not_gets_no_credential(self):
        policy, *pair, token = self.policy("GetObject"), *self.temporary("GetObject")
        for asked in (
            {"by": (self.id, "wrong" * 8)},
            {"by": ("AKIDnobody", self.key)},
            {"by": pair},
            {"at": time.time() - 3600},
        ):
            told = self.federation(policy, **asked)
            assert told["Error"]["Code"] and "Credentials" not in told and told["RequestId"], told

    def the_sts_sdk_gets_one_too(self):
        home = urllib.parse.urlsplit(self.sts_url)
        config = {
            "url": self.sts_url,
            "domain": home.hostname,
            "secret_id": self.id,
            "secret_key": self.key,
            "bucket": self.bucket,
            "region": self.region,
            "allow_prefix": [f"{self.prefix}own/*"],
            "allow_actions": ["name/cos:PutObject"],
        }
        told = Sts(config).get_credential()
        assert told["expiredTime"] - told["startTime"] == 1800, told
        credential = told["credentials"]
        guest = self.client(credential["tmpSecretId"], credential["tmpSecretKey"], credential["sessionToken"])
        guest.put_object(**self.object("own/v1"), Body=b"v1")
        refused(403, "AccessDenied", guest.put_object, **self.object("foreign"), Body=b"v1")
        try:
            given = Sts(config | {"secret_key": "wrong" * 8}).get_credential()
        except Exception as error:
            assert "AuthFailure" in str(error), error
        else:
            raise AssertionError(f"{given} for a wrong key")

    CLAIMS = (
        an_object_is_put_with_what_describes_it,
        it_is_got_as_it_was_put,
        the_head_tells_the_same_without_the_bytes,
        it_is_overwritten_with_all_that_described_it,
        what_was_damaged_on_the_way_is_not_kept,
        nothing_and_a_stream_without_a_length_are_put,
        a_part_of_it_is_got,
        it_is_got_only_if_it_changed,
        the_answer_is_described_as_asked_for,
        what_is_not_there_is_not_found,
        odd_keys_are_keys,
        a_key_has_an_end,
        what_exists_is_kept_when_asked_for,
        a_list_is_in_the_order_of_bytes,
        a_delimiter_folds_it,
        it_is_turned_page_by_page,
        names_are_encoded_for_the_way,
        a_copy_keeps_what_describes_it_or_replaces_it,
        a_copy_is_made_only_of_what_was_seen,
        nothing_cannot_be_copied,
        what_is_deleted_is_gone_and_twice_is_no_more,
        many_are_deleted_at_once,
        parts_become_an_object,
        parts_are_listed,
        an_upload_is_given_up,
        parts_that_do_not_fit_become_nothing,
        a_part_is_copied_from_an_object,
        a_big_file_goes_up_and_comes_down,
        an_upload_goes_on_where_it_stopped,
        a_signed_address_is_good_for_what_was_signed,
        a_signed_address_ends,
        a_signed_address_takes_only_what_was_signed,
        who_is_unknown_may_not,
        a_clock_that_is_wrong_is_told,
        another_bucket_and_an_address_by_path_are_refused,
        a_form_is_taken,
        a_form_goes_on_to_where_it_is_sent,
        a_form_names_its_file,
        a_form_of_the_wrong_size_is_refused,
        a_form_that_is_not_what_was_signed_is_refused,
        a_form_that_somebody_altered_is_refused,
        what_follows_the_file_is_nothing,
        a_temporary_credential_may_what_it_was_given_for,
        a_temporary_credential_is_held_to_its_conditions,
        a_temporary_credential_uploads_in_parts,
        a_token_is_of_one_id,
        a_temporary_credential_signs_addresses_and_forms,
        who_may_not_gets_no_credential,
        the_sts_sdk_gets_one_too,
    )


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def write(path, body):
    with open(path, "wb") as file:
        file.write(body)


def noise(length):
    return random.randbytes(length)


def main():
    with open(sys.argv[1], "rb") as file:
        settings = tomllib.load(file)
    # The SDK writes every refusal to the log, and refusals are what is tried here.
    logging.disable(logging.CRITICAL)
    # The SDK of STS would ask the machine for a proxy.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"
    passed, failed = 0, 0
    for way in Bucket.WAYS:
        bucket = Bucket(settings, way)
        for claim in Bucket.CLAIMS:
            name = f"{way}: {claim.__name__}"
            try:
                claim(bucket)
            except Exception:
                failed += 1
                print(f"✗ {name}\n{traceback.format_exc()}")
            else:
                passed += 1
                print(f"✓ {name}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
