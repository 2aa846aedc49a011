import { Problem } from '../../app/domain/problem.ts';
import { Deadlines } from '../core/deadlines.ts';
import type { Link } from '../core/link.ts';
import type { Random } from '../core/random.ts';
import type { Scheduler } from '../core/scheduler.ts';
import type { SimProcess } from '../core/sim-process.ts';
import type { MysqlServer } from './mysql-server.ts';

/** Why a transaction has no response: `unable` if it cannot have been executed, `in_doubt` if that is unknown. */
export class StoreLost extends Error {
  override readonly name = 'StoreLost';
  readonly kind: 'unable' | 'in_doubt';
  constructor(kind: 'unable' | 'in_doubt', reason: string) {
    super(reason);
    this.kind = kind;
  }
}

interface MysqlClientDependencies {
  process: SimProcess;
  scheduler: Scheduler;
  random: Random;
  server: MysqlServer;
  link: Link;
  queryTimeoutMs: number;
}

/**
 * A process's connection pool to MySQL. Transactions travel independently, so one may overtake another; each is
 * executed at one moment, possibly long after its client has given up.
 */
export class MysqlClient {
  readonly #deps: MysqlClientDependencies;
  readonly #deadlines: Deadlines;
  constructor(deps: MysqlClientDependencies) {
    this.#deps = deps;
    this.#deadlines = new Deadlines(deps.process, deps.queryTimeoutMs);
  }

  /** @throws Problem database_unavailable, and the errors of the transaction */
  async call<T>(work: (server: MysqlServer) => T): Promise<T> {
    try {
      return await this.transaction(work);
    } catch (error) {
      if (error instanceof StoreLost) throw new Problem('database_unavailable', error.message);
      throw error;
    }
  }

  /** @throws StoreLost, and the errors of the transaction */
  transaction<T>(work: (server: MysqlServer) => T): Promise<T> {
    const { process, scheduler, random, server, link } = this.#deps;
    return new Promise<T>((resolve, reject) => {
      let done = false;
      const cancel = this.#deadlines.begin(() => reject(new StoreLost(done ? 'in_doubt' : lost(), 'timed out')));
      let sent = false;
      // It is random whether the commit was sent before the connection broke. If it was not sent, it cannot have been
      // executed.
      const lost = () => (sent || random.chance(0.5) ? 'in_doubt' : 'unable');
      const answer = (settle: () => void) => {
        const backMs = link.back.arrival();
        if (backMs === null) return;
        scheduler.at(
          backMs,
          () => {
            cancel();
            settle();
          },
          process,
        );
      };
      const arrivalMs = link.there.arrival();
      if (arrivalMs === null) return;
      sent = true;
      scheduler.at(arrivalMs, () => {
        if (server.away) return answer(() => reject(new StoreLost('unable', 'connect ECONNREFUSED')));
        if (server.deadlocks > 0 && random.chance(server.deadlocks)) {
          return answer(() => reject(new StoreLost('unable', 'Deadlock found when trying to get lock')));
        }
        done = true;
        try {
          const value = server.tables.transaction(() => work(server));
          if (server.unknownCommits > 0 && random.chance(server.unknownCommits)) {
            return answer(() => reject(new StoreLost('in_doubt', 'Connection lost: the server closed the connection')));
          }
          answer(() => resolve(value));
        } catch (error) {
          answer(() => reject(error));
        }
      });
    });
  }
}
