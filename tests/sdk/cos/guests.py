"""Temporary credentials, asked for by TC3 and by the SDK of STS."""

import hashlib
import hmac
import json
import tempfile
import time
import urllib.parse

from qcloud_cos import CosServiceError
from sts.sts import Sts

from bucket import MIB, bytes_of, claim, denied, noise, refused, write
from forms import Forms

MULTIPART = ("InitiateMultipartUpload", "ListMultipartUploads", "ListParts", "UploadPart", "CompleteMultipartUpload")


class Guests(Forms):
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

    @claim
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

    @claim
    def a_temporary_credential_is_held_to_its_conditions(self):
        limits = {
            "numeric_less_than_equal": {"cos:content-length": 10},
            "string_like": {"cos:content-type": "image/*"},
        }
        guest = self.client(*self.temporary("PutObject", **limits))
        for body, kind in ((b"hello, world", "image/png"), (b"hello", "text/html")):
            refused(403, "AccessDenied", guest.put_object, **self.object("own/held"), Body=body, ContentType=kind)
        guest.put_object(**self.object("own/held"), Body=b"hello", ContentType="image/png")

    @claim
    def a_temporary_credential_uploads_in_parts(self):
        guest = self.client(*self.temporary(*MULTIPART, prefix="own/big"))
        with tempfile.TemporaryDirectory() as folder:
            body = noise(2 * MIB + 1)
            write(f"{folder}/up", body)
            # It looks for what there is to go on with under a prefix, which is that of the key.
            guest.upload_file(**self.object("own/big"), LocalFilePath=f"{folder}/up", PartSize=1)
        assert self.get("own/big") == body

    @claim
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

    @claim
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

    @claim
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

    @claim
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
