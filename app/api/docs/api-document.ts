import type { Route } from '../http/route.ts';
import { openApiDocument } from './openapi.ts';

/**
 * The OpenAPI document as it is sent. Generating it blocks the event loop for 130 ms, so a pod does it before it
 * listens; tests, which create many servers, do it only if they read the document. Stored as bytes, because text would
 * be copied for every client that does not read its response.
 */
export class ApiDocument {
  readonly #routes: () => readonly Route[];
  #bytes: Buffer | null = null;

  constructor(routes: () => readonly Route[]) {
    this.#routes = routes;
  }

  bytes(): Buffer {
    this.#bytes ??= Buffer.from(JSON.stringify(openApiDocument(this.#routes())));
    return this.#bytes;
  }
}
