import { CacheError, type CacheServer, type Caller, type CallItem, type ChangeCommand } from '../journal/cache-port.ts';
import type { Head } from '../journal/codec.ts';

interface Watch {
  succeeded(): void;
  failed(error: unknown): void;
  /** Called with the ledger's time in each reply, ms. */
  heard?(timeMs: number): void;
  /** Wraps each call that applies transfers: in a span, for example. */
  aroundApply?<T>(items: readonly CallItem[], call: () => Promise<T>): Promise<T>;
}

/** Reports the result of every script of a pod to a detector. A refusal counts as a success: the server responded. */
export class WatchedScripts implements CacheServer {
  readonly #scripts: CacheServer;
  readonly #watch: Watch;

  constructor(scripts: CacheServer, watch: Watch) {
    this.#scripts = scripts;
    this.#watch = watch;
  }

  register(...args: Parameters<CacheServer['register']>) {
    return this.#watched(this.#scripts.register(...args));
  }
  apply(caller: Caller, items: readonly CallItem[], podNow?: number) {
    const call = () => this.#scripts.apply(caller, items, podNow);
    return this.#watched(this.#watch.aroundApply ? this.#watch.aroundApply(items, call) : call());
  }
  read(caller: Caller, accountIds: readonly string[]) {
    return this.#watched(this.#scripts.read(caller, accountIds));
  }
  install(...args: Parameters<CacheServer['install']>) {
    return this.#watched(this.#scripts.install(...args));
  }
  readHolds(caller: Caller, holdIds: readonly string[]) {
    return this.#watched(this.#scripts.readHolds(caller, holdIds));
  }
  installHolds(...args: Parameters<CacheServer['installHolds']>) {
    return this.#watched(this.#scripts.installHolds(...args));
  }
  find(caller: Caller, ids: readonly string[]) {
    return this.#watched(this.#scripts.find(caller, ids));
  }
  change(caller: Caller, command: ChangeCommand) {
    return this.#watched(this.#scripts.change(caller, command));
  }

  async #watched<T extends Head | { head: Head }>(call: Promise<T>): Promise<T> {
    try {
      const reply = await call;
      this.#watch.succeeded();
      this.#watch.heard?.('head' in reply ? reply.head.time : reply.time);
      return reply;
    } catch (error) {
      const answered = error instanceof CacheError && (error.kind === 'refused' || error.kind === 'stale');
      if (answered) this.#watch.succeeded();
      else this.#watch.failed(error);
      throw error;
    }
  }
}
