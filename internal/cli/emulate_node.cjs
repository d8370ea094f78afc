// Lets Node.js reach TLS servers through the HTTP proxy of the environment, the
// bundled fetch included, in versions that do not do so by themselves. It makes
// tls.connect begin with a CONNECT to the proxy.
"use strict";
const net = require("node:net");
const tls = require("node:tls");
const { Duplex } = require("node:stream");

const proxy = process.env.HTTPS_PROXY && new URL(process.env.HTTPS_PROXY);
const local = new Set(["localhost", "127.0.0.1", "::1", "[::1]"]);

// Tunnel is a stream to a host through the proxy. It buffers what is written
// until the proxy has answered.
class Tunnel extends Duplex {
  constructor(host, port) {
    super();
    this.connecting = true;
    this.waiting = [];
    const user = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
    this.socket = net.connect({ host: proxy.hostname, port: Number(proxy.port) });
    this.socket.on("error", (e) => this.destroy(e));
    this.socket.on("close", () => this.destroy());
    this.socket.on("connect", () => this.socket.write(
      `CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}:${port}\r\n` +
      `Proxy-Authorization: Basic ${Buffer.from(user).toString("base64")}\r\n\r\n`));
    let head = Buffer.alloc(0);
    const answer = (data) => {
      head = Buffer.concat([head, data]);
      const end = head.indexOf("\r\n\r\n");
      if (end < 0 && head.length < 16384) return;
      this.socket.off("data", answer);
      const text = head.subarray(0, end < 0 ? 0 : end).toString("latin1");
      if (!/^HTTP\/1\.1 200 /.test(text)) {
        const reason = /^x-ostiary-reason: (.*)$/im.exec(text);
        const error = new Error(`connect ECONNREFUSED ${host}:${port}: ${reason ? reason[1] : text.split("\r\n")[0]}`);
        this.destroy(Object.assign(error, { code: "ECONNREFUSED" }));
        return;
      }
      this.connecting = false;
      if (head.length > end + 4) this.push(head.subarray(end + 4));
      this.socket.on("data", (chunk) => { if (!this.push(chunk)) this.socket.pause(); });
      this.socket.on("end", () => this.push(null));
      for (const [chunk, done] of this.waiting) this.socket.write(chunk, done);
      this.emit("connect");
    };
    this.socket.on("data", answer);
  }
  _read() { if (!this.connecting) this.socket.resume(); }
  _write(chunk, _encoding, done) {
    if (this.connecting) this.waiting.push([chunk, done]);
    else this.socket.write(chunk, done);
  }
  _final(done) { this.socket.end(done); }
  _destroy(error, done) { this.socket.destroy(); done(error); }
  setNoDelay() { this.socket.setNoDelay(true); return this; }
  setKeepAlive() { return this; }
  setTimeout(ms, then) { this.socket.setTimeout(ms, then); return this; }
  ref() { this.socket.ref(); return this; }
  unref() { this.socket.unref(); return this; }
}

if (proxy) {
  const connect = tls.connect;
  tls.connect = function (...args) {
    const options = args.find((a) => a !== null && typeof a === "object");
    const host = options && (options.host || options.hostname);
    if (!options || options.socket || options.path || !host || local.has(host)) return connect.apply(this, args);
    const servername = options.servername || (net.isIP(host) ? "" : host);
    const through = { ...options, servername, socket: new Tunnel(host, options.port || 443) };
    return connect.call(this, through, args.find((a) => typeof a === "function"));
  };
}
