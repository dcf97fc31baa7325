"""Lists of keys, whole, folded and page by page."""

import time
import urllib.parse

from bucket import ODD_KEYS, Bucket, claim, etag


class Lists(Bucket):
    @claim
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

    @claim
    def a_delimiter_folds_it(self):
        assert self.all("list/", Delimiter="/")[:2] == (["Z", "a", "a-1", "a1", "b"], ["a/", "用户/"])
        assert self.all("list/用户/", Delimiter="/")[:2] == (["甲"], ["丙/", "乙/"])
        assert self.all("list/用户/乙/", Delimiter="/")[:2] == (["1", "2"], [])
        assert self.all("list/用", Delimiter="乙/")[:2] == (["户/丙/1", "户/甲"], ["户/乙/"])
        assert self.all("list/nothing", Delimiter="/")[:2] == ([], [])

    @claim
    def it_is_turned_page_by_page(self):
        keys, _, pages = self.all("list/", MaxKeys=3)
        assert pages == 4 and keys == self.all("list/")[0], (pages, keys)
        keys, commons, pages = self.all("list/", MaxKeys=2, Delimiter="/")
        assert (keys, commons, pages) == (["Z", "a", "a-1", "a1", "b"], ["a/", "用户/"], 4), (keys, commons, pages)
        keys, _, pages = self.all("odd/", MaxKeys=1)
        assert pages == len(ODD_KEYS) and keys == sorted(ODD_KEYS, key=str.encode), (pages, keys)

    @claim
    def names_are_encoded_for_the_way(self):
        page = self.cos.list_objects(self.bucket, Prefix=f"{self.prefix}odd/", EncodingType="url", MaxKeys=100)
        told = [entry["Key"] for entry in page["Contents"]]
        expected = [urllib.parse.quote(f"{self.prefix}odd/{key}", "/-_.~") for key in sorted(ODD_KEYS, key=str.encode)]
        assert page["EncodingType"] == "url" and told == expected, told
