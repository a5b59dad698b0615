// What forge asks the Internet for before it verifies anything: the list of compilers. Served here, so
// that the tests need no Internet. forge reaches it through its proxy setting and trusts a certificate
// that lives as long as the test.
import http from "node:http";
import https from "node:https";
import net from "node:net";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { Missing } from "./install.mjs";
import { run } from "./processes.mjs";

const HOST = "binaries.soliditylang.org";
const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

async function openssl(cwd, args) {
  const { code, text } = await run("openssl", args, { cwd });
  if (code !== 0) throw new Missing(`openssl ${args[0]} failed: ${text.trim().slice(-300)}`);
}

async function certificate(folder) {
  await openssl(folder, ["req", "-x509", ...KEY, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test"]);
  await openssl(folder, ["req", ...KEY, "-keyout", "own.key", "-out", "own.csr", "-subj", `/CN=${HOST}`]);
  await writeFile(join(folder, "names"), `subjectAltName=DNS:${HOST}\n`);
  await openssl(folder, [
    "x509", "-req", "-in", "own.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2", "-out", "own.pem", "-extfile", "names",
  ]);
}

const listening = (server) => new Promise((done) => server.listen(0, "127.0.0.1", () => done(server.address().port)));

/** Answers forge's list of compilers with one version; `env` leads forge to it. */
export async function startMirror(folder, version) {
  await certificate(folder);
  const [key, cert] = await Promise.all(["own.key", "own.pem"].map((name) => readFile(join(folder, name))));
  const asked = [];
  const mirror = https.createServer({ key, cert }, (request, response) => {
    asked.push(request.url);
    response.statusCode = request.url === "/bin/list.txt" ? 200 : 404;
    response.end(response.statusCode === 200 ? `soljson-v${version}.js\n` : "");
  });
  const mirrorPort = await listening(mirror);
  const proxy = http.createServer();
  proxy.on("connect", (request, socket) => {
    const inner = net.connect(mirrorPort, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      inner.pipe(socket).pipe(inner);
    });
    inner.on("error", () => socket.destroy());
    socket.on("error", () => inner.destroy());
  });
  const proxyPort = await listening(proxy);
  const env = { HTTPS_PROXY: `http://127.0.0.1:${proxyPort}`, NO_PROXY: "127.0.0.1", SSL_CERT_FILE: join(folder, "ca.pem") };
  const stop = () => [mirror, proxy].forEach((server) => { server.close(); server.closeAllConnections(); });
  return { env, asked, stop };
}
