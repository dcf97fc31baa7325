"""The bucket as the claims use it, and what they say of answers."""

import hashlib
import hmac
import random
import urllib.parse

import crcmod
import requests
from qcloud_cos import CosConfig, CosS3Client, CosServiceError
from qcloud_cos.cos_exception import digest_xml

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

crc64 = crcmod.mkCrcFun(0x142F0E1EBA9EA3693, initCrc=0, xorOut=0xFFFFFFFFFFFFFFFF, rev=True)


def claim(function):
    """Marks what is tried of a class, in the order in which it stands there."""
    function.is_claim = True
    return function


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


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def write(path, body):
    with open(path, "wb") as file:
        file.write(body)


def noise(length):
    return random.randbytes(length)


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

    @classmethod
    def claims(cls):
        return [member for member in vars(cls).values() if hasattr(member, "is_claim")]

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

    def fetch(self, method, url, **named):
        """As a client with no SDK."""
        return self.http.request(method, url, proxies=self.proxies, **named)
