import type { TestDatabase } from '../../mysql/testing/test-database.ts';
import { OwnRedis } from '../../redis/testing/own-redis.ts';
import { KeeperBench } from './keeper-bench.ts';

/** Keepers with a Redis of their own, which a test may kill and restart. */
export class RestartableBench extends KeeperBench {
  readonly server: OwnRedis;

  /** Starts a bench with a new ledger, in which MySQL has the authority. */
  static async start(db: TestDatabase): Promise<RestartableBench> {
    await db.reset(0, 'DIRECT');
    return new RestartableBench(db, await OwnRedis.start());
  }

  private constructor(db: TestDatabase, server: OwnRedis) {
    super(db.database, server.url);
    this.server = server;
  }

  /** Restarts Redis after it was killed. */
  async restart(): Promise<void> {
    await this.server.startAgain();
    await this.ready();
  }

  async stop(): Promise<void> {
    this.close();
    await this.server.stop();
  }
}
