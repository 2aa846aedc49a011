import { connect, type Socket } from 'node:net';
import { accountId } from './bank.ts';
import { quantile, round } from './measure.ts';

export interface PacedOptions {
  url: string;
  apiKey: string;
  accounts: number;
  perSecond: number;
  seconds: number;
  connections: number;
}

export interface PacedResult {
  perSecond: number;
  seconds: number;
  answered: number;
  refused: number;
  /** From the moment that the plan had for the request, so that waiting for a free connection counts. */
  p50Ms: number;
  p99Ms: number;
  p999Ms: number;
  maxMs: number;
  /** From when it was really sent: what a client sees that does not keep to a plan. */
  sentP99Ms: number;
}

const DRAIN_MS_MAX = 10_000;

/**
 * Balance reads at a fixed rate, come what may: each has its moment in a plan, and its latency is counted from there. A
 * service that pauses is thus charged for all who would have asked meanwhile (no coordinated omission). Over bare sockets,
 * as an HTTP client would cost more than the service.
 */
export async function pacedReads(options: PacedOptions): Promise<PacedResult> {
  const { url, apiKey, accounts, perSecond, seconds, connections } = options;
  const { hostname, port, host } = new URL(url);
  const requests = Array.from({ length: accounts }, (_, index) => {
    const head = `GET /v1/accounts/${accountId(index)}/balance HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${apiKey}`;
    return Buffer.from(`${head}\r\n\r\n`, 'latin1');
  });
  const total = perSecond * seconds;
  const latencies = new Float64Array(total);
  const serviceTimes = new Float64Array(total);
  let answered = 0;
  let refused = 0;
  const free: Lane[] = [];
  const lanes = await Promise.all(Array.from({ length: connections }, () => Lane.open(hostname, Number(port))));
  for (const lane of lanes) {
    lane.onAnswer = (plannedAt, sentAt, ok) => {
      const now = performance.now();
      latencies[answered] = now - plannedAt;
      serviceTimes[answered] = now - sentAt;
      answered += 1;
      if (!ok) refused += 1;
      free.push(lane);
    };
    free.push(lane);
  }
  const began = performance.now();
  const everyMs = 1000 / perSecond;
  let sent = 0;
  const pump = () => {
    const due = Math.min(total, Math.floor((performance.now() - began) / everyMs));
    while (sent < due && free.length > 0) {
      const request = requests[Math.floor(Math.random() * accounts)];
      // In turn: the server closes a connection on which nothing is asked for long.
      if (request) free.shift()?.send(request, began + sent * everyMs);
      sent += 1;
    }
  };
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      pump();
      const over = performance.now() - began > seconds * 1000 + DRAIN_MS_MAX;
      if (answered < total && !over) return;
      clearInterval(timer);
      resolve();
    }, 1);
  });
  for (const lane of lanes) lane.close();
  const sorted = latencies.subarray(0, answered).sort();
  const at = (share: number) => round(quantile(sorted, share), 2);
  const sentP99Ms = round(quantile(serviceTimes.subarray(0, answered).sort(), 0.99), 2);
  const latency = { p50Ms: at(0.5), p99Ms: at(0.99), p999Ms: at(0.999), maxMs: at(1), sentP99Ms };
  return { perSecond, seconds, answered, refused: refused + total - answered, ...latency };
}

const HEAD_END = Buffer.from('\r\n\r\n');
const LENGTH = /^content-length: *(\d+)/im;

/** One connection, one request at a time. */
class Lane {
  readonly #socket: Socket;
  #got: Buffer = Buffer.alloc(0);
  #plannedAt = 0;
  #sentAt = 0;
  #waits = false;
  onAnswer: (plannedAt: number, sentAt: number, ok: boolean) => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#take(chunk));
    // A lane that breaks takes no more requests: what it owed is missing in the end.
    socket.on('error', () => {});
  }

  static open(host: string, port: number): Promise<Lane> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port }, () => resolve(new Lane(socket)));
      socket.once('error', reject);
    });
  }

  send(request: Buffer, plannedAt: number): void {
    this.#plannedAt = plannedAt;
    this.#sentAt = performance.now();
    this.#waits = true;
    this.#socket.write(request);
  }

  #take(chunk: Buffer): void {
    this.#got = this.#got.length === 0 ? chunk : Buffer.concat([this.#got, chunk]);
    const headEnd = this.#got.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const head = this.#got.toString('latin1', 0, headEnd);
    const length = Number(LENGTH.exec(head)?.[1] ?? 0);
    if (this.#got.length < headEnd + HEAD_END.length + length) return;
    this.#got = Buffer.alloc(0);
    if (!this.#waits) return;
    this.#waits = false;
    this.onAnswer(this.#plannedAt, this.#sentAt, head.startsWith('HTTP/1.1 200'));
  }

  close(): void {
    this.#socket.destroy();
  }
}
