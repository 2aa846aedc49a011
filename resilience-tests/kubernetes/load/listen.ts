import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Line } from './lines.ts';
import { type Control, RECORDER_PORT } from './settings.ts';

/** How long k6 may take after the stop to finish its open requests. */
const END_MS_MAX = 200_000;

/**
 * Serves k6 in the same pod: it asks for the rate (GET /control), sends what it recorded (POST /lines), and reports
 * when it has finished (POST /end).
 */
export function listenForK6(control: () => Control, record: (line: Line) => void): { ended: Promise<void> } {
  let resolve = () => {};
  const ended = new Promise<void>((done) => {
    resolve = done;
  });
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += chunk;
    if (request.url === '/lines') for (const line of JSON.parse(text) as Line[]) record(line);
    if (request.url === '/end') resolve();
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(control()));
  }
  server.listen(RECORDER_PORT, '127.0.0.1');
  // A killed k6 never reports that it has finished.
  const watch = setInterval(() => {
    if (control().stop) setTimeout(() => resolve(), END_MS_MAX).unref();
  }, 1000);
  return {
    ended: ended.finally(() => {
      clearInterval(watch);
      server.close();
    }),
  };
}
