// Between the indexer and the nodes: what is asked, how long each answer takes, what fails. It can
// also falsify answers, to show that the indexer would have noticed.
import http from "node:http";

const BODY_BYTES_MAX = 32 * 1024 * 1024;
const SOCKETS_MAX = 512;
/** Longer than a starved indexer leaves a connection idle, which it would otherwise find closed. */
const IDLE_MS = 600_000;

/** Milliseconds since an arbitrary moment. */
const now = () => performance.now();

function whole(stream) {
  return new Promise((done, failed) => {
    const parts = [];
    let size = 0;
    stream.on("data", (part) => {
      size += part.length;
      if (size > BODY_BYTES_MAX) stream.destroy(new Error(`more than ${BODY_BYTES_MAX} bytes`));
      else parts.push(part);
    });
    stream.once("end", () => done(Buffer.concat(parts)));
    stream.once("error", failed);
  });
}

/** What one indexer did since the counts were last taken. */
class Figures {
  constructor() {
    this.methods = new Map();
    this.blocks = new Map();
    this.errors = [];
    this.busyMillis = 0;
    this.first = undefined;
    this.last = undefined;
  }

  add(method, millis) {
    const one = this.methods.get(method) ?? { count: 0, millis: 0, longest: 0 };
    one.count += 1;
    one.millis += millis;
    one.longest = Math.max(one.longest, millis);
    this.methods.set(method, one);
  }

  get requests() {
    return [...this.methods.values()].reduce((sum, { count }) => sum + count, 0);
  }

  /** Time from the first request to the last answer. */
  get millis() {
    return this.first === undefined ? 0 : this.last - this.first;
  }
}

export class Proxy {
  /** One address for each target. `falsify(method, params, result)` answers another result, or undefined. */
  static async start(targets, falsify) {
    const proxy = new Proxy(falsify);
    for (const target of targets) await proxy.listen(new URL(target));
    return proxy;
  }

  constructor(falsify) {
    this.falsify = falsify;
    this.servers = [];
    this.urls = [];
    this.agent = new http.Agent({ keepAlive: true, maxSockets: SOCKETS_MAX });
    this.outstanding = 0;
    this.figures = new Figures();
  }

  async listen(target) {
    const server = http.createServer(
      { keepAliveTimeout: IDLE_MS, headersTimeout: IDLE_MS, requestTimeout: IDLE_MS },
      (request, response) => this.serve(target, request, response),
    );
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    this.servers.push(server);
    this.urls.push(`http://127.0.0.1:${server.address().port}`);
  }

  async serve(target, request, response) {
    try {
      const asked = await whole(request);
      const { method, params } = JSON.parse(asked);
      const start = this.begin(method, params);
      const { status, body } = await this.forward(target, asked).finally(() => this.end(method, start));
      const text = this.judge(method, params, status, body);
      response.writeHead(status, { "content-type": "application/json" }).end(text);
    } catch (error) {
      this.figures.errors.push(`proxy: ${error.message}`);
      response.writeHead(502).end();
    }
  }

  begin(method, params) {
    const start = now();
    this.figures.first ??= start;
    if (this.outstanding === 0) this.busySince = start;
    this.outstanding += 1;
    if (method === "eth_getBlockByNumber") {
      const number = Number(params[0]);
      if (!Number.isNaN(number)) this.figures.blocks.set(number, (this.figures.blocks.get(number) ?? 0) + 1);
    }
    return start;
  }

  end(method, start) {
    const end = now();
    this.figures.add(method, end - start);
    this.figures.last = end;
    this.outstanding -= 1;
    if (this.outstanding === 0) this.figures.busyMillis += end - this.busySince;
  }

  forward(target, body) {
    return new Promise((done, failed) => {
      const headers = { "content-type": "application/json", "content-length": body.length };
      const { hostname, port, pathname: path } = target;
      const request = http.request({ hostname, port, path, method: "POST", headers, agent: this.agent }, (answer) => {
        whole(answer).then((whole) => done({ status: answer.statusCode, body: whole }), failed);
      });
      request.once("error", failed);
      request.end(body);
    });
  }

  /** Notes errors; what is passed on. */
  judge(method, params, status, body) {
    const head = body.subarray(0, 200).toString();
    if (status !== 200 || head.includes('"error"')) {
      this.figures.errors.push(`${method} ${JSON.stringify(params)}: ${status} ${head}`);
    }
    if (!this.falsify || status !== 200) return body;
    const answer = JSON.parse(body);
    const other = answer.result ? this.falsify(method, params, answer.result) : undefined;
    return other === undefined ? body : JSON.stringify({ ...answer, result: other });
  }

  /** The counts, which begin anew. */
  take() {
    const { figures } = this;
    this.figures = new Figures();
    return figures;
  }

  stop() {
    for (const server of this.servers) {
      server.close();
      server.closeAllConnections();
    }
    this.agent.destroy();
  }
}
