"""Uploads in parts: completed, listed, given up, gone on with."""

import tempfile

from bucket import MIB, Bucket, bytes_of, claim, crc64, etag, noise, refused, write


class Parts(Bucket):
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

    @claim
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

    @claim
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

    @claim
    def an_upload_is_given_up(self):
        upload, parts = self.parts("parts/aborted", noise(MIB))
        self.cos.abort_multipart_upload(**self.object("parts/aborted"), UploadId=upload)
        assert self.sent[-1][2] == 204, self.sent[-1]
        refused(404, "NoSuchUpload", self.complete, "parts/aborted", upload, parts)
        part = {**self.object("parts/aborted"), "Body": b"x", "PartNumber": 1, "UploadId": upload}
        refused(404, "NoSuchUpload", self.cos.upload_part, **part)
        assert self.absent("parts/aborted")

    @claim
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

    @claim
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

    @claim
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

    @claim
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
