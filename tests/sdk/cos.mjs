// A backend in JavaScript and a mini-program, with the COS SDKs of Tencent that know nothing of us, against the simulator:
// objects, lists, uploads in parts, signed addresses and temporary credentials, in each of the ways in which the SDK of
// Node can reach a bucket that is elsewhere.
//
// Usage: node cos.mjs BASE BUCKET REGION SECRET_ID SECRET_KEY STS_BASE; the SDKs are installed beside this file.

import assert from "node:assert/strict";
import { createHash, createHmac, randomBytes } from "node:crypto";
import { createReadStream, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const require = createRequire(import.meta.url);
const COS = require("cos-nodejs-sdk-v5");
const [base, Bucket, Region, SecretId, SecretKey, stsBase] = process.argv.slice(2).map((given) => given.replace(/\/$/, ""));
const { host: home } = new URL(base);
const real = `${Bucket}.cos.${Region}.myqcloud.com`;
const MIB = 1024 * 1024;
const ODD_KEYS = [
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
];
const MULTIPART = ["InitiateMultipartUpload", "ListMultipartUploads", "ListParts", "UploadPart", "CompleteMultipartUpload"];
const folder = mkdtempSync(join(tmpdir(), "cos-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const etag = (body) => `"${createHash("md5").update(body).digest("hex")}"`;
const byBytes = (one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other));
const sorted = (keys) => [...keys].sort(byBytes);

function crc64(body) {
  let crc = 0xffffffffffffffffn;
  for (const byte of Buffer.from(body)) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1n ? (crc >> 1n) ^ 0xc96c5795d7870f42n : crc >> 1n;
  }
  return String(crc ^ 0xffffffffffffffffn);
}

// Whatever host an address names, what is sent there comes to us.
function send(url, { method = "GET", headers = {}, body } = {}) {
  const { host, pathname, search } = new URL(url);
  const [hostname, port] = home.split(":");
  return new Promise((done, fail) => {
    const options = { hostname, port, path: pathname + search, method, headers: { Host: host, ...headers } };
    const asked = request(options, (answer) => {
      const pieces = [];
      answer.on("data", (piece) => pieces.push(piece));
      answer.on("end", () => done({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(pieces) }));
      answer.on("error", fail);
    });
    asked.on("error", fail);
    asked.end(body);
  });
}

// The SDK is told no, in these words.
async function refused(promise, status, code) {
  const told = await promise.then(
    () => assert.fail(`${code} was expected, and it was done`),
    (error) => error,
  );
  const { Code, RequestId } = told.error ?? {};
  assert.deepEqual([told.statusCode, Code], [status, code], `${told.statusCode} ${JSON.stringify(told.error)}`);
  // A HEAD has no words.
  if (code) assert.ok(RequestId, "no RequestId");
  assert.ok(told.headers["x-cos-request-id"], "no x-cos-request-id");
  return told;
}

// The same of an answer that no SDK has read.
function denied({ status, body }, expected, code) {
  assert.equal(status, expected, `${status} ${body}`);
  assert.match(body.toString(), new RegExp(`<Code>${code}</Code>`));
}

// What a credential allows, as asked of STS in the dialect of today, TC3.
async function temporary(prefix, actions) {
  const at = Math.floor(Date.now() / 1000);
  const [day, { host }] = [new Date(at * 1000).toISOString().slice(0, 10), new URL(stsBase)];
  const account = Bucket.split("-").at(-1);
  const allowed = {
    effect: "allow",
    action: actions.map((action) => `name/cos:${action}`),
    resource: [`qcs::cos:${Region}:uid/${account}:${Bucket}/${prefix}`],
  };
  const Policy = encodeURIComponent(JSON.stringify({ version: "2.0", statement: [allowed] }));
  const body = JSON.stringify({ Name: "shop", Policy, DurationSeconds: 1800 });
  const sha256 = (text) => createHash("sha256").update(text).digest("hex");
  const hmac = (key, text) => createHmac("sha256", key).update(text).digest();
  const [type, scope] = ["application/json; charset=utf-8", `${day}/sts/tc3_request`];
  const names = "content-type;host;x-tc-action";
  const signed = `content-type:${type}\nhost:${host}\nx-tc-action:getfederationtoken\n`;
  const canonical = `POST\n/\n\n${signed}\n${names}\n${sha256(body)}`;
  const key = scope.split("/").reduce(hmac, `TC3${SecretKey}`);
  const signature = hmac(key, `TC3-HMAC-SHA256\n${at}\n${scope}\n${sha256(canonical)}`).toString("hex");
  const headers = {
    "Content-Type": type,
    Authorization: `TC3-HMAC-SHA256 Credential=${SecretId}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
    "X-TC-Action": "GetFederationToken",
    "X-TC-Version": "2018-08-13",
    "X-TC-Timestamp": `${at}`,
    "X-TC-Region": Region,
  };
  const answer = await send(`${stsBase}/`, { method: "POST", headers, body });
  assert.equal(answer.status, 200, answer.body.toString());
  const { Response: told } = JSON.parse(answer.body);
  assert.ok(told.Credentials, JSON.stringify(told));
  return { ...told.Credentials, StartTime: at, ExpiredTime: told.ExpiredTime };
}

// A file of this many bytes; where it is, and what is in it.
function file(name, length) {
  const [FilePath, body] = [join(folder, name), randomBytes(length)];
  writeFileSync(FilePath, body);
  return { FilePath, body };
}

// The SDK of Node, and the bucket as it is reached in one of the ways.
class Backend {
  static WAYS = {
    "the host of the bucket at our address": { Ip: home },
    "our address for the bucket": { Domain: home },
    "a proxy": { Proxy: base },
  };

  constructor(way) {
    this.way = Backend.WAYS[way];
    this.prefix = `js-${Object.keys(Backend.WAYS).indexOf(way)}/`;
    this.cos = this.client();
  }

  client(options) {
    return new COS({ SecretId, SecretKey, Protocol: "http:", ConfCwd: folder, ...this.way, ...options });
  }

  object(Key, options) {
    return { Bucket, Region, Key: this.prefix + Key, ...options };
  }

  put(key, Body = "hello", options) {
    return this.cos.putObject(this.object(key, { Body, ...options }));
  }

  async get(key, options) {
    return (await this.cos.getObject(this.object(key, options))).Body;
  }

  async absent(key) {
    await refused(this.cos.headObject(this.object(key)), 404);
  }

  source(key) {
    return `${real}/${encodeURIComponent(this.prefix + key).replaceAll("%2F", "/")}`;
  }

  // Every page of a list: the keys, the common prefixes, and how many pages it took.
  async all(prefix, options) {
    const Prefix = this.prefix + prefix;
    const bare = (name) => name.slice(Prefix.length);
    const [keys, commons] = [[], []];
    for (let [pages, Marker] = [1, undefined]; ; pages += 1) {
      const page = await this.cos.getBucket({ Bucket, Region, Prefix, Marker, ...options });
      keys.push(...page.Contents.map(({ Key }) => bare(Key)));
      commons.push(...page.CommonPrefixes.map((common) => bare(common.Prefix)));
      if (page.IsTruncated === "false") return { keys, commons, pages };
      assert.ok(pages < 100, `from ${Marker} on there is no end`);
      Marker = page.NextMarker;
    }
  }

  // Parts by hand.
  async parts(key, ...bodies) {
    const described = { ContentType: "video/mp4", "x-cos-meta-kind": "film" };
    const { UploadId } = await this.cos.multipartInit(this.object(key, described));
    const Parts = [];
    for (const [index, Body] of bodies.entries()) {
      const part = { UploadId, Body, PartNumber: index + 1 };
      const { ETag } = await this.cos.multipartUpload(this.object(key, part));
      assert.equal(ETag, etag(Body));
      Parts.push({ PartNumber: index + 1, ETag });
    }
    return { UploadId, Parts };
  }

  complete(key, upload) {
    return this.cos.multipartComplete(this.object(key, upload));
  }

  claims = {
    "an object is put with what describes it": async () => {
      const told = await this.put("described", "你好", {
        ContentType: "text/plain; charset=utf-8",
        ContentMD5: createHash("md5").update("你好").digest("base64"),
        CacheControl: "max-age=86400",
        ContentDisposition: 'attachment; filename="a b.txt"',
        "x-cos-meta-kind": "greeting",
      });
      assert.equal(told.ETag, etag("你好"));
      assert.equal(told.headers["x-cos-hash-crc64ecma"], crc64("你好"));
      assert.ok(told.RequestId);
    },
    "it is got as it was put, and its head tells the same": async () => {
      const got = await this.cos.getObject(this.object("described"));
      const head = await this.cos.headObject(this.object("described"));
      assert.equal(got.Body.toString(), "你好");
      const expected = {
        etag: etag("你好"),
        "content-length": "6",
        "content-type": "text/plain; charset=utf-8",
        "cache-control": "max-age=86400",
        "content-disposition": 'attachment; filename="a b.txt"',
        "x-cos-hash-crc64ecma": crc64("你好"),
        "x-cos-meta-kind": "greeting",
      };
      for (const { headers } of [got, head]) {
        const told = Object.fromEntries(Object.keys(expected).map((name) => [name, headers[name]]));
        assert.deepEqual(told, expected);
      }
      assert.equal(head.headers["last-modified"], got.headers["last-modified"]);
    },
    "it is overwritten": async () => {
      assert.equal((await this.put("described")).headers["x-cos-hash-crc64ecma"], "11177612005948864433");
      const { headers } = await this.cos.headObject(this.object("described"));
      assert.deepEqual([headers.etag, headers["x-cos-meta-kind"]], [etag("hello"), undefined]);
      assert.equal((await this.get("described")).toString(), "hello");
    },
    "what was damaged on the way is not kept": async () => {
      const ContentMD5 = createHash("md5").update("other").digest("base64");
      await refused(this.put("described", "damaged", { ContentMD5 }), 400, "BadDigest");
      assert.equal((await this.get("described")).toString(), "hello");
    },
    "a stream is put, and got": async () => {
      const { FilePath, body } = file("streamed", 300_000);
      await this.put("streamed", createReadStream(FilePath), { ContentLength: body.length });
      const Output = join(folder, "came");
      await this.cos.getObject(this.object("streamed", { Output }));
      assert.ok(readFileSync(Output).equals(body));
    },
    "a part of it is got": async () => {
      const body = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      await this.put("ranged", body);
      for (const [wanted, start, end] of [
        ["0-0", 0, 1],
        ["0-15", 0, 16],
        ["250-", 250, 256],
        ["-5", 251, 256],
        ["250-999", 250, 256],
      ]) {
        const got = await this.cos.getObject(this.object("ranged", { Range: `bytes=${wanted}` }));
        assert.deepEqual([got.statusCode, got.headers["content-range"]], [206, `bytes ${start}-${end - 1}/256`]);
        assert.ok(got.Body.equals(body.subarray(start, end)), wanted);
      }
      await refused(this.get("ranged", { Range: "bytes=256-300" }), 416, "InvalidRange");
    },
    "it is got only if it changed": async () => {
      const { ETag, headers } = await this.cos.headObject(this.object("ranged"));
      const other = etag("other");
      await refused(this.get("ranged", { IfNoneMatch: ETag }), 304);
      await refused(this.cos.headObject(this.object("ranged", { IfNoneMatch: ETag })), 304);
      const IfModifiedSince = headers["last-modified"];
      assert.equal((await this.cos.getObject(this.object("ranged", { IfModifiedSince }))).NotModified, true);
      await refused(this.get("ranged", { IfMatch: other }), 412, "PreconditionFailed");
      for (const condition of [{ IfMatch: ETag }, { IfNoneMatch: other }]) {
        assert.equal((await this.get("ranged", condition)).length, 256);
      }
    },
    "the answer is described as asked for": async () => {
      const attachment = 'attachment; filename="a 1+1.pdf"';
      const asked = { ResponseContentType: "application/pdf", ResponseContentDisposition: attachment };
      const { headers } = await this.cos.getObject(this.object("ranged", asked));
      assert.deepEqual([headers["content-type"], headers["content-disposition"]], ["application/pdf", attachment]);
    },
    "what is not there is not found": async () => {
      await refused(this.get("never-put"), 404, "NoSuchKey");
      await this.absent("never-put");
    },
    "odd keys are keys": async () => {
      for (const key of ODD_KEYS) assert.equal((await this.put(`odd/${key}`, key)).ETag, etag(key), key);
      for (const key of ODD_KEYS) {
        assert.equal((await this.get(`odd/${key}`)).toString(), key);
        assert.equal((await this.cos.headObject(this.object(`odd/${key}`))).ETag, etag(key), key);
      }
    },
    "what exists is kept when asked for": async () => {
      const once = { Headers: { "x-cos-forbid-overwrite": "true" } };
      await this.put("once", "first", { ...once });
      await refused(this.put("once", "second", { ...once }), 409, "FileAlreadyExists");
      assert.equal((await this.get("once")).toString(), "first");
    },
    "a list is in the order of bytes": async () => {
      for (const key of ["b", "a", "a/1", "a-1", "a1", "用户/甲", "用户/乙/1", "用户/乙/2", "用户/丙/1", "Z"]) {
        await this.put(`list/${key}`, key);
      }
      const page = await this.cos.getBucket({ Bucket, Region, Prefix: `${this.prefix}list/` });
      const keys = page.Contents.map(({ Key }) => Key.slice(`${this.prefix}list/`.length));
      assert.deepEqual([keys, keys.length], [sorted(keys), 10]);
      assert.deepEqual([page.Name, page.Prefix, page.MaxKeys], [Bucket, `${this.prefix}list/`, "1000"]);
      for (const [index, { ETag, Size }] of page.Contents.entries()) {
        assert.deepEqual([ETag, Size], [etag(keys[index]), `${Buffer.byteLength(keys[index])}`]);
      }
    },
    "a delimiter folds it": async () => {
      const Delimiter = "/";
      const top = { keys: ["Z", "a", "a-1", "a1", "b"], commons: ["a/", "用户/"] };
      assert.deepEqual(await this.all("list/", { Delimiter }), { ...top, pages: 1 });
      const users = { keys: ["甲"], commons: ["丙/", "乙/"], pages: 1 };
      assert.deepEqual(await this.all("list/用户/", { Delimiter }), users);
      assert.deepEqual(await this.all("list/nothing", { Delimiter }), { keys: [], commons: [], pages: 1 });
      assert.deepEqual(await this.all("list/", { Delimiter, MaxKeys: 2 }), { ...top, pages: 4 });
    },
    "it is turned page by page": async () => {
      const { keys } = await this.all("list/");
      assert.deepEqual(await this.all("list/", { MaxKeys: 3 }), { keys, commons: [], pages: 4 });
      const odd = { keys: sorted(ODD_KEYS), commons: [], pages: 7 };
      assert.deepEqual(await this.all("odd/", { MaxKeys: 2 }), odd);
    },
    "names are encoded for the way": async () => {
      const asked = { Bucket, Region, Prefix: `${this.prefix}odd/`, EncodingType: "url" };
      const { Contents } = await this.cos.getBucket(asked);
      const told = Contents.map(({ Key }) => Key);
      // Whoever decodes a form would turn a plus into a space.
      assert.ok(told.every((key) => /^[A-Za-z0-9\-_.~%/]*$/.test(key)), told.join(" "));
      assert.deepEqual(told.map(decodeURIComponent), sorted(ODD_KEYS.map((key) => `${this.prefix}odd/${key}`)));
    },
    "a copy keeps what describes it or replaces it": async () => {
      await this.put("源/a b+c.txt", "copied", { ContentType: "text/css", "x-cos-meta-kind": "old" });
      const CopySource = this.source("源/a b+c.txt");
      const told = await this.cos.putObjectCopy(this.object("copy", { CopySource }));
      assert.deepEqual([told.ETag, !!told.LastModified], [etag("copied"), true]);
      const { headers } = await this.cos.headObject(this.object("copy"));
      assert.deepEqual([headers["content-type"], headers["x-cos-meta-kind"]], ["text/css", "old"]);
      const replaced = { CopySource, MetadataDirective: "Replaced", ContentType: "text/html", "x-cos-meta-new": "yes" };
      await this.cos.putObjectCopy(this.object("copy", replaced));
      const after = (await this.cos.headObject(this.object("copy"))).headers;
      const kept = [after["content-type"], after["x-cos-meta-kind"], after["x-cos-meta-new"]];
      assert.deepEqual(kept, ["text/html", undefined, "yes"]);
      assert.equal((await this.get("copy")).toString(), "copied");
    },
    "nothing cannot be copied": async () => {
      const CopySource = this.source("never-put");
      await refused(this.cos.putObjectCopy(this.object("copy-none", { CopySource })), 404, "NoSuchKey");
      await this.absent("copy-none");
    },
    "what is deleted is gone, and twice is no more": async () => {
      await this.put("gone");
      for (let time = 0; time < 2; time += 1) {
        assert.equal((await this.cos.deleteObject(this.object("gone"))).statusCode, 204);
        await this.absent("gone");
      }
    },
    "many are deleted at once": async () => {
      for (const Quiet of [false, true]) {
        for (const key of ODD_KEYS) await this.put(`many/${key}`);
        const Objects = [...ODD_KEYS, "never-put"].map((key) => ({ Key: `${this.prefix}many/${key}` }));
        const told = await this.cos.deleteMultipleObject({ Bucket, Region, Objects, Quiet });
        assert.deepEqual(told.Error, []);
        const deleted = sorted(told.Deleted.map(({ Key }) => Key));
        assert.deepEqual(deleted, Quiet ? [] : sorted(Objects.map(({ Key }) => Key)));
        assert.deepEqual((await this.all("many/")).keys, []);
      }
    },
    "parts become an object": async () => {
      const [key, bodies] = ["parts/大 文件.bin", [randomBytes(MIB), randomBytes(MIB + 1), Buffer.from("end")]];
      const upload = await this.parts(key, ...bodies);
      const { UploadId } = upload;
      const { Upload } = await this.cos.multipartList({ Bucket, Region, Prefix: `${this.prefix}parts/` });
      assert.deepEqual(Upload.map((one) => [one.Key, one.UploadId]), [[this.prefix + key, UploadId]]);
      const { Part } = await this.cos.multipartListPart(this.object(key, { UploadId }));
      const expected = bodies.map((body, index) => [`${index + 1}`, etag(body), `${body.length}`]);
      assert.deepEqual(Part.map(({ PartNumber, ETag, Size }) => [PartNumber, ETag, Size]), expected);
      const told = await this.complete(key, upload);
      assert.match(told.ETag, /^"[0-9a-f]{32}-3"$/);
      const got = await this.cos.getObject(this.object(key));
      assert.ok(got.Body.equals(Buffer.concat(bodies)));
      const kept = [got.ETag, got.headers["content-type"], got.headers["x-cos-meta-kind"]];
      assert.deepEqual(kept, [told.ETag, "video/mp4", "film"]);
      await refused(this.cos.multipartListPart(this.object(key, { UploadId })), 404, "NoSuchUpload");
    },
    "an upload is given up": async () => {
      const upload = await this.parts("parts/aborted", randomBytes(MIB));
      const { UploadId } = upload;
      assert.equal((await this.cos.multipartAbort(this.object("parts/aborted", { UploadId }))).statusCode, 204);
      await refused(this.complete("parts/aborted", upload), 404, "NoSuchUpload");
      await this.absent("parts/aborted");
    },
    "parts that do not fit become nothing": async () => {
      const upload = await this.parts("parts/broken", Buffer.from("too small"), randomBytes(MIB));
      const { UploadId, Parts } = upload;
      await refused(this.complete("parts/broken", upload), 400, "EntityTooSmall");
      const wrong = [{ PartNumber: 2, ETag: etag("other") }];
      await refused(this.complete("parts/broken", { UploadId, Parts: wrong }), 400, "InvalidPart");
      await refused(this.complete("parts/broken", { UploadId, Parts: Parts.toReversed() }), 400, "InvalidPartOrder");
      await this.absent("parts/broken");
      await this.cos.multipartAbort(this.object("parts/broken", { UploadId }));
    },
    "a big file goes up, is copied and comes down": async () => {
      const { FilePath, body } = file("up", 6 * MIB + 12345);
      await this.cos.sliceUploadFile(this.object("big", { FilePath, ChunkSize: MIB }));
      const copied = { CopySource: this.source("big"), CopySliceSize: MIB, CopyChunkSize: 2 * MIB };
      await this.cos.sliceCopyFile(this.object("big-copy", copied));
      for (const key of ["big", "big-copy"]) {
        const down = join(folder, key);
        await this.cos.downloadFile(this.object(key, { FilePath: down, ChunkSize: MIB }));
        assert.ok(readFileSync(down).equals(body), key);
      }
      await this.cos.uploadFile(this.object("big-or-not", { FilePath, SliceSize: 100 * MIB }));
      assert.ok((await this.get("big-or-not")).equals(body));
    },
    "an upload goes on where it stopped": async () => {
      const { FilePath, body } = file("resumed", 3 * MIB + 1);
      await this.parts("resumed", body.subarray(0, MIB), body.subarray(MIB, 2 * MIB));
      const sent = [];
      const cos = this.client();
      cos.on("before-send", ({ method, qs, url }) => sent.push([method, qs?.partNumber, url]));
      await cos.sliceUploadFile(this.object("resumed", { FilePath, ChunkSize: MIB }));
      const parts = sent.filter(([method]) => method === "PUT").map(([, part]) => part);
      assert.deepEqual(parts.sort(), [3, 4], JSON.stringify(sent));
      assert.ok((await this.get("resumed")).equals(body));
    },
    "a signed address is good for what was signed": async () => {
      await this.put("signed 中", "signed");
      const url = this.cos.getObjectUrl(this.object("signed 中"));
      const later = await new Promise((done, fail) => {
        this.cos.getObjectUrl(this.object("signed 中"), (error, { Url }) => (error ? fail(error) : done(Url)));
      });
      for (const address of [url, later]) assert.equal((await send(address)).body.toString(), "signed", address);
      for (const method of ["PUT", "DELETE"]) denied(await send(url, { method }), 403, "SignatureDoesNotMatch");
      const attachment = 'attachment; filename="报告 1+1.pdf"';
      const Query = { "response-content-disposition": attachment, "response-content-type": "a/b" };
      const described = this.cos.getObjectUrl(this.object("signed 中", { Query }));
      const { status, headers } = await send(described);
      assert.deepEqual([status, headers["content-type"]], [200, "a/b"]);
      assert.equal(Buffer.from(headers["content-disposition"], "latin1").toString(), attachment);
      denied(await send(described.replace("a%2Fb", "text%2Fhtml")), 403, "SignatureDoesNotMatch");
    },
    "a signed address ends": async () => {
      const answer = await send(this.cos.getObjectUrl(this.object("signed 中", { Expires: -60 })));
      denied(answer, 403, "AccessDenied");
      assert.match(answer.body.toString(), /<Message>Request has expired<\/Message>/);
    },
    "a signed address takes only what was signed": async () => {
      const Headers = { "Content-Type": "image/png" };
      const url = this.cos.getObjectUrl(this.object("taken.png", { Method: "PUT", Headers }));
      const put = (type) => send(url, { method: "PUT", headers: { "Content-Type": type }, body: "hello" });
      denied(await put("text/html"), 403, "SignatureDoesNotMatch");
      await this.absent("taken.png");
      const { status, headers } = await put("image/png");
      assert.deepEqual([status, headers.etag], [200, etag("hello")]);
    },
    "who is unknown may not": async () => {
      const known = this.object("signed 中");
      await refused(this.client({ SecretKey: "wrong".repeat(8) }).getObject(known), 403, "SignatureDoesNotMatch");
      await refused(this.client({ SecretId: "AKIDnobody" }).getObject(known), 403, "InvalidAccessKeyId");
      const plain = this.cos.getObjectUrl(this.object("signed 中", { Sign: false }), () => {});
      denied(await send(plain), 403, "AccessDenied");
    },
    "a clock that is wrong is put right": async () => {
      for (const seconds of [3600, -86400]) {
        const cos = this.client({ SystemClockOffset: seconds * 1000 });
        assert.equal((await cos.getObject(this.object("signed 中"))).Body.toString(), "signed");
        assert.ok(Math.abs(cos.options.SystemClockOffset) < 5000, `${cos.options.SystemClockOffset}`);
      }
    },
    "a temporary credential may what it was given for": async () => {
      await this.put("own/there");
      await this.put("foreign");
      const actions = ["PutObject", "GetObject", ...MULTIPART];
      const { TmpSecretId, TmpSecretKey, Token } = await temporary(`${this.prefix}own/*`, actions);
      const guest = (token) => this.client({ SecretId: TmpSecretId, SecretKey: TmpSecretKey, SecurityToken: token });
      const cos = guest(Token);
      await cos.putObject(this.object("own/用户 1", { Body: "guest" }));
      assert.equal((await cos.getObject(this.object("own/用户 1"))).Body.toString(), "guest");
      const { FilePath, body } = file("guest", 2 * MIB + 1);
      await cos.sliceUploadFile(this.object("own/big", { FilePath, ChunkSize: MIB }));
      assert.ok((await this.get("own/big")).equals(body));
      await refused(cos.getObject(this.object("foreign")), 403, "AccessDenied");
      await refused(cos.putObject(this.object("foreign", { Body: "guest" })), 403, "AccessDenied");
      await refused(cos.deleteObject(this.object("own/there")), 403, "AccessDenied");
      await refused(cos.getBucket({ Bucket, Region, Prefix: `${this.prefix}own/` }), 403, "AccessDenied");
      const address = cos.getObjectUrl(this.object("own/there"));
      assert.equal((await send(address)).body.toString(), "hello");
      const other = await temporary(`${this.prefix}own/*`, actions);
      for (const token of [other.Token, undefined]) {
        const told = await guest(token).getObject(this.object("own/there")).catch((error) => error);
        assert.equal(told.statusCode, 403, "with another's token or none");
      }
    },
  };
}

// What the SDK of mini-programs asks of WeChat: the network, files and a memory.
function weChat() {
  const memory = new Map();
  const answered = (answer, data = answer.body.toString()) => ({ statusCode: answer.status, header: answer.headers, data });
  return {
    canIUse: () => true,
    getAppBaseInfo: () => ({ SDKVersion: "3.8.0" }),
    getDeviceInfo: () => ({ platform: "android" }),
    getStorageSync: (name) => memory.get(name) ?? "",
    setStorageSync: (name, value) => memory.set(name, value),
    removeStorageSync: (name) => memory.delete(name),
    getFileSystemManager: () => ({
      stat: ({ path, success }) => success({ stats: statSync(path) }),
      readFile({ filePath, position = 0, length, success }) {
        const { buffer, byteOffset } = readFileSync(filePath);
        const start = byteOffset + position;
        success({ data: buffer.slice(start, start + (length ?? statSync(filePath).size - position)) });
      },
    }),
    request({ url, method, header, data, responseType, success, fail }) {
      const body = data === undefined ? undefined : Buffer.from(data);
      const headers = { "content-type": "application/json", ...lower(header), "content-length": body?.length ?? 0 };
      const given = (answer) => {
        success(answered(answer, responseType === "arraybuffer" ? Uint8Array.from(answer.body).buffer : undefined));
      };
      send(url, { method, headers, body }).then(given, ({ message }) => fail({ errMsg: message }));
      return { abort() {} };
    },
    uploadFile({ url, name, header, filePath, formData, success, fail }) {
      const boundary = `----${randomBytes(8).toString("hex")}`;
      const part = (disposition, value, type) => [
        `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\nContent-Type: ${type}\r\n\r\n`,
        value,
        "\r\n",
      ];
      // As the phones do: every field says that it is text, and the file comes last.
      const pieces = [
        ...Object.entries(formData).flatMap(([field, value]) => part(`name="${field}"`, `${value}`, "text/plain")),
        ...part(`name="${name}"; filename="tmp_1.jpg"`, readFileSync(filePath), "image/jpeg"),
        `--${boundary}--\r\n`,
      ];
      const body = Buffer.concat(pieces.map((piece) => Buffer.from(piece)));
      const form = { "content-type": `multipart/form-data; boundary=${boundary}`, "content-length": body.length };
      const headers = { ...lower(header), ...form };
      send(url, { method: "POST", headers, body }).then(
        (answer) => success(answered(answer)),
        ({ message }) => fail({ errMsg: message }),
      );
      return { abort() {}, onProgressUpdate() {} };
    },
  };
}

const lower = (headers) => Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]));

// The SDK of mini-programs, with a credential for what is the user's own.
class MiniProgram {
  constructor() {
    this.prefix = "wx/";
    this.backend = new Backend("our address for the bucket");
    this.backend.prefix = this.prefix;
  }

  async open() {
    if (this.cos) return;
    globalThis.window = globalThis;
    globalThis.wx = weChat();
    const Sdk = require("cos-wx-sdk-v5");
    const actions = ["PutObject", "PostObject", "GetObject", "HeadObject", "GetBucket", ...MULTIPART];
    const { Token, ...credential } = await temporary("wx/own/*", actions);
    const given = { ...credential, SecurityToken: Token };
    this.client = (options) => new Sdk({ Domain: base, getAuthorization: (_, give) => give(given), ...options });
    this.cos = this.client();
  }

  object(Key, options) {
    return { Bucket, Region, Key: this.prefix + Key, ...options };
  }

  claims = {
    "a picture is posted": async () => {
      const { FilePath, body } = file("picture", 100_000);
      const described = { FilePath, ContentType: "image/png", "x-cos-meta-kind": "picture" };
      for (const key of ["own/picture.png", "own/中文 头像(1)+.png"]) {
        const told = await this.cos.postObject(this.object(key, described));
        assert.deepEqual([told.statusCode, told.ETag], [200, etag(body)]);
        const got = await this.backend.cos.getObject(this.object(key));
        assert.ok(got.Body.equals(body));
        assert.deepEqual([got.headers["content-type"], got.headers["x-cos-meta-kind"]], ["image/png", "picture"]);
      }
    },
    "it is put, got and headed": async () => {
      const Body = Uint8Array.from([0xff, 0xd8, 0x00, 0x80]).buffer;
      const put = await this.cos.putObject(this.object("own/put 1.jpg", { Body }));
      assert.equal(put.ETag, etag(Buffer.from(Body)));
      const got = await this.cos.getObject(this.object("own/put 1.jpg", { DataType: "arraybuffer" }));
      assert.ok(Buffer.from(got.Body).equals(Buffer.from(Body)));
      const { headers } = await this.cos.headObject(this.object("own/put 1.jpg"));
      assert.deepEqual([headers.etag, headers["content-type"], headers["content-length"]], [put.ETag, "image/jpeg", "4"]);
      await this.cos.putObject(this.object("own/text", { Body: "你好" }));
      assert.equal((await this.cos.getObject(this.object("own/text"))).Body, "你好");
    },
    "its own are listed": async () => {
      for (const key of ODD_KEYS) await this.cos.putObject(this.object(`own/odd/${key}`, { Body: key }));
      const asked = { Bucket, Region, Prefix: "wx/own/odd/" };
      const all = await this.cos.getBucket(asked);
      assert.deepEqual(all.Contents.map(({ Key }) => Key), sorted(ODD_KEYS).map((key) => `wx/own/odd/${key}`));
      const folded = await this.cos.getBucket({ ...asked, Delimiter: "/", MaxKeys: 1000 });
      const commons = folded.CommonPrefixes.map(({ Prefix }) => Prefix);
      assert.deepEqual(commons, ["clash/", "x/", "中文/"].map((common) => asked.Prefix + common));
    },
    "a big file goes up in parts, a small one in a form": async () => {
      for (const [name, length] of [
        ["large", 2 * MIB + 500_000],
        ["small", 50_000],
      ]) {
        const { FilePath, body } = file(name, length);
        const told = await this.cos.uploadFile(this.object(`own/${name}.bin`, { FilePath, SliceSize: MIB }));
        assert.equal(told.statusCode, 200);
        const got = await this.backend.cos.getObject(this.object(`own/${name}.bin`));
        assert.ok(got.Body.equals(body), name);
        assert.equal(/-3"$/.test(got.ETag), name === "large", got.ETag);
      }
    },
    "what is another's is refused": async () => {
      await this.backend.put("foreign");
      const { FilePath } = file("foreign", 1000);
      await refused(this.cos.getObject(this.object("foreign")), 403, "AccessDenied");
      await refused(this.cos.putObject(this.object("foreign", { Body: "x" })), 403, "AccessDenied");
      await refused(this.cos.postObject(this.object("foreign", { FilePath })), 403, "AccessDenied");
      await refused(this.cos.getBucket({ Bucket, Region, Prefix: "wx/" }), 403, "AccessDenied");
      await refused(this.cos.deleteObject(this.object("own/text")), 403, "AccessDenied");
      assert.equal((await this.backend.get("foreign")).toString(), "hello");
    },
    "what is not there is not found": async () => {
      await refused(this.cos.headObject(this.object("own/never-put")), 404);
      await refused(this.cos.getObject(this.object("own/never-put", { DataType: "arraybuffer" })), 404, "NoSuchKey");
    },
    "a wrong signature is refused": async () => {
      const [none, { FilePath }] = [undefined, file("unsigned", 1000)];
      const cos = this.client({ getAuthorization: none, SecretId, SecretKey: "wrong".repeat(8) });
      await refused(cos.putObject(this.object("own/wrong", { Body: "x" })), 403, "SignatureDoesNotMatch");
      await refused(cos.postObject(this.object("own/wrong", { FilePath })), 403, "SignatureDoesNotMatch");
      await this.backend.absent("own/wrong");
    },
    "a clock that is wrong is put right": async () => {
      const cos = this.client({ getAuthorization: undefined, SecretId, SecretKey, SystemClockOffset: 3600_000 });
      await cos.putObject(this.object("own/clock", { Body: "x" }));
      assert.ok(Math.abs(cos.options.SystemClockOffset) < 5000, `${cos.options.SystemClockOffset}`);
    },
    "a signed address is good": async () => {
      const url = await new Promise((done, fail) => {
        this.cos.getObjectUrl(this.object("own/text"), (error, data) => (error ? fail(error) : done(data.Url)));
      });
      assert.equal((await send(url)).body.toString(), "你好");
    },
  };
}

let [passed, failed] = [0, 0];
async function prove(who, prover) {
  for (const [name, claim] of Object.entries(prover.claims)) {
    try {
      // The credential is part of what is tried.
      await prover.open?.();
      await claim();
      passed += 1;
      console.log(`✓ ${who}: ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`✗ ${who}: ${name}\n${error.stack ?? JSON.stringify(error)}`);
    }
  }
}
// The SDKs tell the console of clocks that they put right.
console.error = console.warn = () => {};
for (const way of Object.keys(Backend.WAYS)) await prove(way, new Backend(way));
await prove("mini-program", new MiniProgram());
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
