import type { ServerResponse } from 'node:http';
import type { Identity } from '../../domain/identity.ts';
import { Problem } from '../../domain/problem.ts';
import type { Clock } from '../../kernel/clock.ts';

/** How often the credentials of a live response are checked again, ms, ± 25 %. */
const CHECK_EVERY_MS = 30_000;
const CHECK_AFTER_MS_MIN = 1_000;
/**
 * A live response ends after a random 50 to 100 % of this time (ms), so that its client chooses a pod again: clients do
 * that only when they connect.
 */
const AGE_MAX_MS = 15 * 60_000;
/** How long to wait for a client to read the end of its response, ms. */
const END_MS_MAX = 1_000;

/** Why the server ends a live response. */
export type LiveEnd = 'shutting_down' | 'credentials' | 'reconnect';

/** A response that stays open: content is sent as it becomes available. */
export interface LiveContent {
  type: string;
  /** Starts sending; the headers have already been sent. */
  open(connection: LiveConnection): LiveSender;
}

export interface LiveConnection {
  /** @returns false if the client must read before more is written; then wait for `whenDrained` */
  write(text: string): boolean;
  /** Calls back once, when the client has read everything that was written. */
  whenDrained(action: () => void): void;
  /** Sends the last text, and ends the response. */
  end(text: string): void;
}

export interface LiveSender {
  /** Ends the response by calling `end` of the connection. */
  end(reason: LiveEnd): void;
  /** Called when the connection is closed, by either side. */
  closed(): void;
}

/** The caller of a live response. */
export interface LiveCaller extends Identity {
  /** Whether the same credentials would be accepted now. The promise never rejects. */
  isAllowed(): Promise<boolean>;
}

/** A place for a live response. It is free again when the response has ended, or after `release`. */
export interface LiveSlot {
  start(response: ServerResponse, content: LiveContent): void;
  /** Does nothing if the response has started. */
  release(): void;
}

/** How many responses a pod keeps open: further ones get 429 `too_many_listeners`. */
export interface LiveLimits {
  max: number;
  perUserMax: number;
}

/**
 * Responses that stay open. They are idle nearly all the time, so they do not count as requests in flight but have a
 * limit of their own. Each ends when its credentials become invalid or it reaches its maximum age. When the pod shuts
 * down, they end before everything else.
 */
export class LiveResponses {
  readonly #clock: Clock;
  readonly #limits: LiveLimits;
  readonly #ofUsers = new Map<string, number>();
  readonly #open = new Set<{ end(reason: LiveEnd): void }>();
  #size = 0;
  #ended = false;

  constructor(clock: Clock, limits: LiveLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  get size(): number {
    return this.#size;
  }

  get max(): number {
    return this.#limits.max;
  }

  /** @throws Problem too_many_listeners, shutting_down */
  reserve(caller: LiveCaller): LiveSlot {
    const { user } = caller;
    if (this.#ended) throw new Problem('shutting_down', 'This pod is shutting down. Connect again.');
    const { max, perUserMax } = this.#limits;
    const ofUser = this.#ofUsers.get(user) ?? 0;
    if (this.#size >= max)
      throw new Problem('too_many_listeners', `This pod already has ${max} open streams. Connect again later.`);
    if (ofUser >= perUserMax)
      throw new Problem('too_many_listeners', `You already have ${perUserMax} open streams on this pod.`);
    this.#size += 1;
    this.#ofUsers.set(user, ofUser + 1);
    let isFree = false;
    const free = () => {
      if (isFree) return;
      isFree = true;
      this.#free(user);
    };
    let isStarted = false;
    return {
      start: (response, content) => {
        isStarted = true;
        this.#start(response, content, caller, free);
      },
      release: () => {
        if (!isStarted) free();
      },
    };
  }

  /** Ends all live responses and accepts no new ones. */
  end(): void {
    this.#ended = true;
    for (const open of [...this.#open]) open.end('shutting_down');
  }

  #free(user: string): void {
    this.#size -= 1;
    const left = (this.#ofUsers.get(user) ?? 1) - 1;
    if (left > 0) this.#ofUsers.set(user, left);
    else this.#ofUsers.delete(user);
  }

  #start(response: ServerResponse, content: LiveContent, caller: LiveCaller, free: () => void): void {
    response.flushHeaders();
    const sender = content.open(connectionOf(response, this.#clock));
    this.#open.add(sender);
    const cancels = [
      this.#clock.after(AGE_MAX_MS * (0.5 + this.#clock.random() / 2), () => sender.end('reconnect')),
      this.#checking(caller, sender),
    ];
    const close = () => {
      for (const cancel of cancels) cancel();
      this.#open.delete(sender);
      sender.closed();
      free();
    };
    if (response.destroyed) close();
    else response.once('close', close);
  }

  /** Checks the credentials periodically and when they expire. */
  #checking(caller: LiveCaller, sender: LiveSender): () => void {
    const { expiresAt = Number.POSITIVE_INFINITY } = caller;
    let isCancelled = false;
    let cancel = () => {};
    const check = () => {
      const everyMs = CHECK_EVERY_MS * (0.75 + this.#clock.random() / 2);
      const leftMs = Math.max(CHECK_AFTER_MS_MIN, expiresAt - this.#clock.now() + 1);
      cancel = this.#clock.after(Math.min(everyMs, leftMs), async () => {
        const isAllowed = await caller.isAllowed();
        if (isCancelled) return;
        if (isAllowed) check();
        else sender.end('credentials');
      });
    };
    check();
    return () => {
      isCancelled = true;
      cancel();
    };
  }
}

function connectionOf(response: ServerResponse, clock: Clock): LiveConnection {
  return {
    write: (text) => response.write(text),
    whenDrained: (action) => void response.once('drain', action),
    end(text) {
      response.end(text);
      // A client that does not read must not keep the pod from shutting down.
      const cancel = clock.after(END_MS_MAX, () => response.destroy());
      response.once('close', cancel);
    },
  };
}
