import { Lane } from './lane.ts';
import { quantile, round } from './measure.ts';

export interface Plan {
  url: string;
  perSecond: number;
  seconds: number;
  connections: number;
  /** The bytes of a request, by its number. */
  request(number: number): Buffer;
}

/** Indexed by the number of the request. */
export interface Answers {
  /**
   * Milliseconds from the planned time of the request, so that waiting for a free connection counts; NaN: no response.
   */
  latencyMs: Float64Array;
  /**
   * Milliseconds from the moment at which the request was actually sent: the latency that a client without planned
   * times would measure.
   */
  sentMs: Float64Array;
  /** HTTP status; 0: no response. */
  status: Uint16Array;
}

const DRAIN_MS_MAX = 10_000;

/**
 * Sends requests at a fixed rate, regardless of how fast the service responds. Each request has a planned time, and its
 * latency is measured from that time, so a pause of the service affects all requests planned during the pause (no
 * coordinated omission). Bare sockets are used because an HTTP client would cost more than the service.
 */
export async function paced({ url, perSecond, seconds, connections, request }: Plan): Promise<Answers> {
  const { hostname, port } = new URL(url);
  const total = perSecond * seconds;
  const latencyMs = new Float64Array(total).fill(Number.NaN);
  const sentMs = new Float64Array(total).fill(Number.NaN);
  const status = new Uint16Array(total);
  const everyMs = 1000 / perSecond;
  let [sent, answered, began] = [0, 0, 0];
  const lanes = await Promise.all(Array.from({ length: connections }, () => Lane.open(hostname, Number(port))));
  // A ring, not an array: with a thousand lanes a shift costs more than the request.
  const free = new Ring(lanes);
  for (const lane of lanes) {
    lane.onAnswer = (number, code) => {
      const now = performance.now();
      latencyMs[number] = now - began - number * everyMs;
      sentMs[number] = now - (sentMs[number] ?? Number.NaN);
      status[number] = code;
      answered += 1;
      free.add(lane);
    };
  }
  began = performance.now();
  const pump = () => {
    const due = Math.min(total, Math.floor((performance.now() - began) / everyMs) + 1);
    while (sent < due) {
      // Takes the lanes in turn, because the server closes a connection that has been idle for a long time.
      const lane = free.take();
      if (lane === undefined) return;
      sentMs[sent] = performance.now();
      lane.send(request(sent), sent);
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
  return { latencyMs, sentMs, status };
}

/**
 * Sends the next request on each connection as soon as the previous one is answered: the maximum rate of the service.
 * @returns the statuses of all responses, their latencies from sending, ms, and the total duration, ms
 */
export async function closedLoop({ url, seconds, connections, request }: Omit<Plan, 'perSecond'>) {
  const { hostname, port } = new URL(url);
  const lanes = await Promise.all(Array.from({ length: connections }, () => Lane.open(hostname, Number(port))));
  const statuses: number[] = [];
  const latencyMs: number[] = [];
  const began = performance.now();
  let sent = 0;
  await Promise.all(
    lanes.map(
      (lane) =>
        new Promise<void>((resolve) => {
          let sentAt = 0;
          const send = () => {
            sentAt = performance.now();
            lane.send(request(sent), sent);
            sent += 1;
          };
          lane.onAnswer = (_, status) => {
            const now = performance.now();
            statuses.push(status);
            latencyMs.push(now - sentAt);
            if (now - began < seconds * 1000) send();
            else resolve();
          };
          send();
        }),
    ),
  );
  const ms = performance.now() - began;
  for (const lane of lanes) lane.close();
  return { statuses, latencyMs: Float64Array.from(latencyMs).sort(), ms };
}

class Ring<T> {
  readonly #slots: T[];
  #first = 0;
  #count: number;
  constructor(items: readonly T[]) {
    this.#slots = [...items];
    this.#count = items.length;
  }
  take(): T | undefined {
    if (this.#count === 0) return undefined;
    const item = this.#slots[this.#first];
    this.#first = (this.#first + 1) % this.#slots.length;
    this.#count -= 1;
    return item;
  }
  add(item: T): void {
    this.#slots[(this.#first + this.#count) % this.#slots.length] = item;
    this.#count += 1;
  }
}

/** The latencies of the responses that `chosen` selects. */
export function latencies(
  { latencyMs, sentMs, status }: Answers,
  chosen: (status: number, number: number) => boolean,
): { answered: number; figures: Record<string, number> } {
  const which = [...status.keys()].filter((number) => status[number] !== 0 && chosen(status[number] ?? 0, number));
  const sorted = (values: Float64Array) => Float64Array.from(which, (number) => values[number] ?? Number.NaN).sort();
  const planned = sorted(latencyMs);
  const at = (share: number) => round(quantile(planned, share), 2);
  return {
    answered: which.length,
    figures: {
      'p50, ms': at(0.5),
      'p95, ms': at(0.95),
      'p99, ms': at(0.99),
      'p99.9, ms': at(0.999),
      'max, ms': at(1),
      'p99 since sending, ms': round(quantile(sorted(sentMs), 0.99), 2),
    },
  };
}
