/** `stack.json`, as the contract defines it. */
export interface StackFile {
  api: string[];
  apiKey: string;
  redis: { host: string; port: number; pid: number | null };
  mysql: MysqlAddress & { pid: number | null };
  /** The stores of every shard; absent if there is only one shard. `redis` and `mysql` above are those of the first shard. */
  shards?: Pick<StackFile, 'redis' | 'mysql'>[];
  pods: { pid: number | null; role: string; url: string }[];
}

export interface MysqlAddress {
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
  /** The same as in the service's URL; if absent, the connection is not encrypted. */
  ssl?: object;
}

/** A running system that answers clients. */
export interface System {
  /** The current addresses and pids, which change when a process dies. */
  readonly file: StackFile;
  /** The base URLs that clients may use at the moment. */
  readonly addresses: readonly string[];
  /** Set if the test has failed: data and logs are kept for inspection. */
  keep: boolean;
  readonly keptAs: string;
  /** @throws Error if something else has stopped it */
  assertRunning(): void;
}

/** The databases of all shards. */
export const mysqlsOf = ({ mysql, shards }: StackFile): StackFile['mysql'][] =>
  shards?.map((shard) => shard.mysql) ?? [mysql];
