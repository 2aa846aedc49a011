import type { CacheModel } from '../../app/journal/testing/cache-model.ts';
import type { Clock } from '../../app/kernel/clock.ts';
import type { MysqlClient } from '../mysql/mysql-client.ts';
import type { RedisClient } from '../redis/redis-client.ts';
import { type Assembly, type KeeperPorts, type PodPorts, PROTOCOL } from '../world/ports.ts';
import type { Theme } from '../world/themes.ts';

/** The protocol with one rule broken from outside: pods and keepers run their real code, but receive wrong data. */
export interface Mutant {
  name: string;
  /** The rule, in the protocol's terms. */
  rule: string;
  assembly: Assembly;
  /** A theme with which the mutant is found quickly. */
  theme: Theme;
}

/** Replaces the ports of pods. */
export function pods(change: (ports: PodPorts, mysql: MysqlClient, clock: Clock) => Partial<PodPorts>): Assembly {
  return {
    ...PROTOCOL,
    podPorts(mysql: MysqlClient, redis: RedisClient, clock: Clock) {
      const ports = PROTOCOL.podPorts(mysql, redis, clock);
      return { ...ports, ...change(ports, mysql, clock) };
    },
  };
}

/** Replaces the ports of keepers. */
export function keepers(change: (ports: KeeperPorts, mysql: MysqlClient) => Partial<KeeperPorts>): Assembly {
  return {
    ...PROTOCOL,
    keeperPorts(mysql: MysqlClient, redis: RedisClient) {
      const ports = PROTOCOL.keeperPorts(mysql, redis);
      return { ...ports, ...change(ports, mysql) };
    },
  };
}

/** Replaces what the scripts do. */
export const scripts = (Model: new (replid: string) => CacheModel): Assembly => ({
  ...PROTOCOL,
  newModel: (replid) => new Model(replid),
});

/** Returns an object like the given one with some methods replaced; the other methods stay bound to the original. */
export function replaced<T extends object>(target: T, methods: Partial<T>): T {
  return new Proxy(target, {
    get(from, name) {
      const own = (methods as Record<PropertyKey, unknown>)[name];
      if (own !== undefined) return own;
      const value = Reflect.get(from, name, from) as unknown;
      return typeof value === 'function' ? (value.bind(from) as unknown) : value;
    },
  });
}
