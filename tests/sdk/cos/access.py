"""Who may: signatures in headers and in addresses that are lent."""

import time
import types
from unittest import mock

from qcloud_cos.cos_auth import CosS3Auth

from bucket import Bucket, claim, denied, etag, refused


class Access(Bucket):
    @claim
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

    @claim
    def a_signed_address_ends(self):
        for method in ("GET", "PUT"):
            url = self.cos.get_presigned_url(**self.object("signed"), Method=method, Expired=-30)
            told = denied(403, "AccessDenied", self.fetch(method, url))
            assert told["message"] == "Request has expired", told

    @claim
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

    @claim
    def who_is_unknown_may_not(self):
        known = self.object("signed")
        refused(403, "SignatureDoesNotMatch", self.client(self.id, "wrong" * 8).get_object, **known)
        refused(403, "InvalidAccessKeyId", self.client("AKIDnobody", self.key).get_object, **known)
        refused(403, "AccessDenied", self.client(Anonymous=True).get_object, **known)
        refused(403, "AccessDenied", self.client(Anonymous=True).put_object, **self.object("anonymous"), Body=b"x")
        refused(403, "AccessDenied", self.client(Anonymous=True).list_objects, self.bucket)
        assert self.absent("anonymous")

    @claim
    def a_clock_that_is_wrong_is_told(self):
        for seconds, code in ((3600, "RequestTimeTooSkewed"), (-86400, "AccessDenied")):
            clock = types.SimpleNamespace(time=lambda: time.time() + seconds)
            with mock.patch("qcloud_cos.cos_auth.time", clock):
                refused(403, code, self.get, "signed")

    @claim
    def another_bucket_and_an_address_by_path_are_refused(self):
        for host, path, status, code in (
            (f"other-1250000000.cos.{self.region}.myqcloud.com", "k", 404, "NoSuchBucket"),
            (f"cos.{self.region}.myqcloud.com", f"{self.bucket}/k", 403, "PathStyleDomainForbidden"),
        ):
            url = f"http://{host}/{path}"
            proxies = {"http": self.sts_url}
            conf = self.cos.get_conf()
            denied(status, code, self.http.get(url, auth=CosS3Auth(conf, path), proxies=proxies))
