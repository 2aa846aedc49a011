import { type CallDefaults, type Caller, requirePositive } from './calls.ts';
import { type Clock, systemClock } from './clock.ts';
import { Events } from './events/events.ts';
import { type AttemptReport, Transport } from './http/transport.ts';
import { Ids } from './ids.ts';
import { Accounts } from './resources/accounts.ts';
import { Batches } from './resources/batches.ts';
import { Groups } from './resources/groups.ts';
import { Holds } from './resources/holds.ts';
import { Keys } from './resources/keys.ts';
import { Ops } from './resources/ops.ts';
import { Transfers } from './resources/transfers.ts';

export interface HoldfastOptions {
  /** The URL of the service, with or without a path before `/v1`: `https://ledger.example.com`. */
  readonly url: string;
  /** An API key, or a function that returns a current token; it is called for every attempt. */
  readonly apiKey: string | (() => string | Promise<string>);
  /** How long after the first attempt of a call the client gives up, ms; 60,000 by default. */
  readonly deadlineMs?: number;
  /** Time for one attempt, ms; 15,000 by default, because the service answers within 10 seconds. */
  readonly attemptTimeoutMs?: number;
  /** Replaces the platform's `fetch`. It must never repeat a request by itself. */
  readonly fetch?: typeof fetch;
  /** Called after every attempt, for logs and metrics. It must not throw. */
  readonly onAttempt?: (report: AttemptReport) => void;
  readonly clock?: Clock;
}

const DEFAULTS: CallDefaults = { deadlineMs: 60_000, attemptTimeoutMs: 15_000 };

/** A client of the Holdfast API. It keeps no state apart from its options, so one is enough for a program. */
export class Holdfast {
  readonly accounts: Accounts;
  readonly transfers: Transfers;
  readonly batches: Batches;
  readonly groups: Groups;
  readonly holds: Holds;
  readonly events: Events;
  readonly keys: Keys;
  readonly ops: Ops;
  readonly #ids: Ids;

  constructor(options: HoldfastOptions) {
    const { apiKey, clock = systemClock, onAttempt } = options;
    const { deadlineMs = DEFAULTS.deadlineMs, attemptTimeoutMs = DEFAULTS.attemptTimeoutMs } = options;
    requirePositive('deadlineMs', deadlineMs);
    requirePositive('attemptTimeoutMs', attemptTimeoutMs);
    this.#ids = new Ids(clock);
    const fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
    const transport = new Transport({
      baseUrl: baseUrlOf(options.url),
      apiKey,
      fetch,
      clock,
      ids: this.#ids,
      onAttempt,
    });
    const caller: Caller = {
      transport,
      clock,
      ids: this.#ids,
      defaults: { deadlineMs, attemptTimeoutMs },
      doubtful: new WeakSet(),
    };
    this.accounts = new Accounts(caller);
    this.transfers = new Transfers(caller);
    this.batches = new Batches(caller);
    this.groups = new Groups(caller);
    this.holds = new Holds(caller);
    this.events = new Events(caller);
    this.keys = new Keys(caller);
    this.ops = new Ops(caller);
  }

  /** A new id, to store before a transfer, a group or a hold is sent. */
  newId(): string {
    return this.#ids.next();
  }
}

/** @throws TypeError for anything but an http(s) address without credentials, query and fragment */
function baseUrlOf(url: string): string {
  const { protocol, username, password, search, hash, origin, pathname } = new URL(url);
  if (protocol !== 'https:' && protocol !== 'http:')
    throw new TypeError(`The url must begin with https:, not ${protocol}`);
  if (username || password || search || hash)
    throw new TypeError('The url must have no user name, password, query or fragment');
  return origin + pathname.replace(/\/+$/, '').replace(/\/v1$/, '');
}
