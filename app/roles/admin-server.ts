import { createServer, type Server, type ServerResponse } from 'node:http';
import { listen } from './listen.ts';

/** The data that monitoring systems request from a process. */
export interface AdminDependencies {
  readiness(): { ready: boolean; reasons: readonly string[] };
  metrics: { contentType: string; text(): Promise<string> };
  host: string;
  /** 0: no server. */
  port: number;
}

/**
 * Starts a server for probes and metrics on a separate port, which clients cannot reach. The server is already
 * listening when this returns, unless its port is 0.
 * @throws an error that names the port if it is in use
 */
export async function startAdminServer(deps: AdminDependencies): Promise<Server> {
  const server = createServer((request, response) => {
    void answer(deps, request.url ?? '', response);
  });
  if (deps.port > 0) await listen(server, deps.port, deps.host);
  return server;
}

async function answer({ readiness, metrics }: AdminDependencies, url: string, response: ServerResponse): Promise<void> {
  switch (url) {
    case '/livez':
      return json(response, 200, { alive: true });
    case '/readyz': {
      const report = readiness();
      return json(response, report.ready ? 200 : 503, report);
    }
    case '/metrics':
      response.writeHead(200, { 'Content-Type': metrics.contentType }).end(await metrics.text());
      return;
    default:
      response.writeHead(404).end();
  }
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}

/** Closes the server and all its connections, which is safe because its clients only read. */
export function closeAdminServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
