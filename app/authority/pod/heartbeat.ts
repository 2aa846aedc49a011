import { Problem } from '../../domain/problem.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Logger } from '../../kernel/log.ts';
import type { PodAuthority } from '../authority-ports.ts';

interface HeartbeatDependencies {
  authority: Pick<PodAuthority, 'heartbeat'>;
  clock: Clock;
  logger: Logger;
  processId: string;
  heartbeatMs: number;
}

/** Reports to MySQL that this process is alive and whether it reaches Redis. */
export class Heartbeat {
  readonly #deps: HeartbeatDependencies;
  #last: { atMs: number; redisSeen: boolean } | null = null;

  constructor(deps: HeartbeatDependencies) {
    this.#deps = deps;
  }

  /** Sends a heartbeat if one is due, and at once when Redis was lost or has returned. */
  async report(redisSeen: boolean, registration: { podId: string; observed: number } | null): Promise<void> {
    const { authority, clock, heartbeatMs, logger, processId } = this.#deps;
    const now = clock.monotonic();
    if (this.#last?.redisSeen === redisSeen && now - this.#last.atMs < heartbeatMs) return;
    try {
      await authority.heartbeat({ processId, redisSeen, registration });
      this.#last = { atMs: now, redisSeen };
    } catch (error) {
      if (!(error instanceof Problem)) logger.error({ err: error }, 'the heartbeat failed');
    }
  }
}
