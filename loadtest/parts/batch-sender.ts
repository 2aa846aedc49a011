import { Agent, request } from 'node:http';
import type { StackFile } from '../../verification/harness/stack.ts';
import { PostedCounter } from './batch-bodies.ts';

/** Sends bodies over kept-alive connections, and parses responses no more than necessary. */
export class BatchSender {
  readonly #agent: Agent;
  readonly #urls: URL[];
  readonly #headers: Record<string, string>;
  #turn = 0;
  lastAnswer = '';

  constructor({ api, apiKey }: StackFile, connections: number) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
    this.#urls = api.map((url) => new URL('/v1/transfers/batch', url));
    this.#headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
  }

  /** @returns how many of the body's transfers are posted */
  send(body: Buffer): Promise<number> {
    const url = this.#urls[this.#turn++ % this.#urls.length];
    if (!url) throw new Error('the stack has no API');
    const headers = { ...this.#headers, 'content-length': String(body.length) };
    return new Promise((resolve, reject) => {
      const asked = request(url, { method: 'POST', headers, agent: this.#agent }, (response) => {
        const counter = new PostedCounter();
        const good = response.statusCode === 200;
        response.on('data', (piece: Buffer) => {
          if (good) counter.take(piece);
          else this.lastAnswer = piece.toString('utf8', 0, 500);
        });
        response.on('error', reject);
        response.on('end', () => resolve(counter.posted));
      });
      asked.on('error', reject);
      asked.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
