// Ports that nobody listens on, and waiting.
import { createServer } from "node:net";

export const pause = (millis) => new Promise((next) => setTimeout(next, millis));

export function freePort() {
  return new Promise((done, failed) => {
    const server = createServer();
    server.once("error", failed);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}
