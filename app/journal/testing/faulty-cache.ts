import {
  CacheError,
  type CacheServer,
  type Caller,
  type CallItem,
  type ChangeCommand,
  isGroup,
  isHold,
} from '../cache-port.ts';
import { keyOfItem } from '../hold-codec.ts';

/** The fault of one call: it receives the call, and may run it or not, and may return a different result. */
export type Fault = <T>(run: () => Promise<T>) => Promise<T>;
export type Method = keyof CacheServer;

const timedOut = () => new CacheError('in_doubt', 'Command timed out');

/** The call ran, but the reply was lost. */
export const replyLost: Fault = async (run) => {
  await run();
  throw timedOut();
};
/** The call never ran, but the caller cannot know that. */
export const commandLost: Fault = async () => {
  throw timedOut();
};
export const failing =
  (error: unknown): Fault =>
  async () => {
    throw error;
  };
export const passing: Fault = (run) => run();

/** A point in time chosen by a test. */
export class Gate {
  open: () => void = () => {};
  readonly opened: Promise<void>;
  /** Resolves when the first call has reached the gate. */
  readonly reached: Promise<void>;
  #arrive: () => void = () => {};
  constructor() {
    this.opened = new Promise((resolve) => {
      this.open = resolve;
    });
    this.reached = new Promise((resolve) => {
      this.#arrive = resolve;
    });
  }
  /** Runs immediately; the reply arrives when the gate opens. */
  readonly reply: Fault = async (run) => {
    const answer = await run();
    this.#arrive();
    await this.opened;
    return answer;
  };
  /** Runs when the gate opens. */
  readonly command: Fault = async (run) => {
    this.#arrive();
    await this.opened;
    return run();
  };
}

function idOf(item: CallItem): string {
  if (isGroup(item)) return `+${item.group.groupId}`;
  return isHold(item) ? keyOfItem(item.hold) : item.order.transactionId;
}

/** A cache server with faults that a test schedules; it records its calls. */
export class FaultyCache implements CacheServer {
  readonly #server: CacheServer;
  readonly #faults = new Map<Method, Fault[]>();
  readonly #always = new Map<Method, Fault>();
  readonly #calls = new Map<Method, number>();
  /** The ids in every call of `apply`; those of hold items include their marks. */
  readonly applied: string[][] = [];
  readonly changes: string[] = [];

  constructor(server: CacheServer) {
    this.#server = server;
  }

  /** The next calls of a method get these faults, one each. */
  next(method: Method, ...faults: Fault[]): void {
    this.#faults.set(method, [...(this.#faults.get(method) ?? []), ...faults]);
  }
  /** Every call without its own fault gets this fault. */
  always(method: Method, fault: Fault): void {
    this.#always.set(method, fault);
  }
  calls(method: Method): number {
    return this.#calls.get(method) ?? 0;
  }

  register(...args: Parameters<CacheServer['register']>) {
    return this.#through('register', () => this.#server.register(...args));
  }
  apply(caller: Caller, items: readonly CallItem[], podNow?: number) {
    this.applied.push(items.map(idOf));
    return this.#through('apply', () => this.#server.apply(caller, items, podNow));
  }
  read(caller: Caller, accountIds: readonly string[]) {
    return this.#through('read', () => this.#server.read(caller, accountIds));
  }
  install(...args: Parameters<CacheServer['install']>) {
    return this.#through('install', () => this.#server.install(...args));
  }
  readHolds(caller: Caller, holdIds: readonly string[]) {
    return this.#through('readHolds', () => this.#server.readHolds(caller, holdIds));
  }
  installHolds(...args: Parameters<CacheServer['installHolds']>) {
    return this.#through('installHolds', () => this.#server.installHolds(...args));
  }
  find(caller: Caller, ids: readonly string[]) {
    return this.#through('find', () => this.#server.find(caller, ids));
  }
  change(caller: Caller, command: ChangeCommand) {
    this.changes.push(command.changeId);
    return this.#through('change', () => this.#server.change(caller, command));
  }

  #through<T>(method: Method, run: () => Promise<T>): Promise<T> {
    this.#calls.set(method, this.calls(method) + 1);
    const fault = this.#faults.get(method)?.shift() ?? this.#always.get(method) ?? passing;
    return fault(run);
  }
}
