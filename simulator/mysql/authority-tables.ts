import type { KeeperAuthority, OlderProcess, PodAuthority, RuleFormats } from '../../app/authority/authority-ports.ts';
import {
  type Authority,
  FORMAT_MAX,
  type LivePod,
  type Mode,
  type MovedBy,
  type PodRow,
} from '../../app/domain/authority.ts';
import { uuidV7Time } from '../../app/domain/ids.ts';
import { lastSeqOf } from '../../app/journal/journaled.ts';
import type { MysqlClient } from './mysql-client.ts';
import type { MysqlServer } from './mysql-server.ts';
import type { AuthorityRow } from './tables.ts';

/** Names each field, because every process reads the row all the time, and a rest pattern is slow. */
export const authorityOf = (row: AuthorityRow, nowMs: number): Authority => ({
  epoch: row.epoch,
  mode: row.mode,
  format: row.format,
  cacheEpoch: row.cacheEpoch,
  cacheFormat: row.cacheFormat,
  redisNode: row.redisNode,
  replid: row.replid,
  marker: row.marker,
  highestKnownSeq: row.highestKnownSeq,
  stops: row.stops,
  ageMs: nowMs - row.changedAtMs,
});

export const NOTHING_WAITS = {
  cacheEpoch: null,
  cacheFormat: null,
  redisNode: null,
  replid: null,
  marker: null,
  highestKnownSeq: null,
};

/** The update of a compare-and-set, which begins the next epoch. */
export function setAuthority(
  { tables, nowMs }: MysqlServer,
  to: Omit<AuthorityRow, 'epoch' | 'stops' | 'changedAtMs'>,
  by: MovedBy,
): Authority {
  const { stops } = tables.authority;
  const epoch = tables.authority.epoch + 1;
  const { mode, format, cacheEpoch, cacheFormat, redisNode, replid, marker, highestKnownSeq } = to;
  const cache = { cacheEpoch, cacheFormat, redisNode, replid, marker, highestKnownSeq };
  tables.authority = { epoch, mode, format, ...cache, stops, changedAtMs: nowMs };
  tables.log.push({ epoch, mode, by: by.keeper, reason: by.reason, atMs: nowMs });
  return authorityOf(tables.authority, nowMs);
}

/** The same transactions as app/mysql/authority/authority-store.ts and format-store.ts. */
export class AuthorityTables implements PodAuthority, KeeperAuthority, RuleFormats {
  protected readonly client: MysqlClient;
  constructor(client: MysqlClient) {
    this.client = client;
  }

  read(): Promise<Authority> {
    return this.client.call(({ tables, nowMs }) => authorityOf(tables.authority, nowMs));
  }
  calendar() {
    return this.client.call(({ tables }) => tables.calendar);
  }
  cursor() {
    return this.client.call(({ tables }) => ({ ...tables.cursor }));
  }

  move(from: Authority, mode: Exclude<Mode, 'CACHE'>, by: MovedBy): Promise<Authority | null> {
    return this.client.call((server) => {
      const now = server.tables.authority;
      if (now.epoch !== from.epoch) return null;
      if (now.cacheEpoch !== null && !(now.mode === 'CACHE' && mode === 'CLOSING')) {
        throw new Error(`epoch ${now.cacheEpoch} has to be recovered: no move from ${now.mode} to ${mode}`);
      }
      const waiting = mode === 'CLOSING' ? now : NOTHING_WAITS;
      return setAuthority(server, { ...now, ...waiting, mode }, by);
    });
  }

  /** Always empty: the keepers of the simulator need not consider processes of an older release. */
  async olderProcesses(): Promise<OlderProcess[]> {
    return [];
  }
  raise(from: Authority, by: MovedBy): Promise<Authority | null> {
    return this.client.call((server) => {
      const now = server.tables.authority;
      if (now.epoch !== from.epoch || now.format === FORMAT_MAX) return null;
      const waits = now.mode === 'DIRECT' && now.cacheEpoch !== null;
      if (waits || now.mode === 'CLOSING' || now.mode === 'REBUILDING') return null;
      const mode = now.mode === 'CACHE' ? 'CLOSING' : 'DIRECT';
      return setAuthority(server, { ...now, mode, format: FORMAT_MAX }, by);
    });
  }

  idsBetween(after: number, upTo: number): Promise<string[] | null> {
    return this.client.call(({ tables }) => {
      const isBetween = (id: string) => {
        const time = uuidV7Time(id);
        return time !== null && time > after && time <= upTo;
      };
      const changes = [...tables.changes.keys()].filter(isBetween).map((id) => `#${id}`);
      return [...[...tables.transfers.keys()].filter(isBetween), ...changes];
    });
  }

  closingsWithin(ms: number): Promise<number> {
    return this.client.call(
      ({ tables, nowMs }) => tables.log.filter(({ mode, atMs }) => mode === 'CLOSING' && atMs > nowMs - ms).length,
    );
  }

  register(podId: string, epoch: number): Promise<boolean> {
    return this.client.call(({ tables, nowMs }) => {
      if (tables.authority.mode !== 'CACHE' || tables.authority.epoch !== epoch) return false;
      const before = tables.pods.get(podId);
      const same = before?.epoch === epoch;
      tables.set(tables.pods, podId, {
        podId,
        epoch,
        observed: same ? before.observed : 0,
        retiredSeq: same ? before.retiredSeq : null,
        handedOver: false,
        heartbeatMs: nowMs,
      });
      return true;
    });
  }

  heartbeat({ processId, redisSeen, registration }: Parameters<PodAuthority['heartbeat']>[0]): Promise<void> {
    return this.client.call(({ tables, nowMs }) => {
      const before = tables.processes.get(processId);
      const redisSinceMs = before?.redisSeen === redisSeen ? before.redisSinceMs : nowMs;
      tables.set(tables.processes, processId, { processId, redisSeen, redisSinceMs, heartbeatMs: nowMs });
      const pod = registration && tables.pods.get(registration.podId);
      if (!pod) return;
      const observed = Math.max(pod.observed, registration.observed);
      tables.set(tables.pods, pod.podId, { ...pod, observed, heartbeatMs: nowMs });
    });
  }

  observedIn(epoch: number): Promise<number> {
    return this.client.call(({ tables }) => {
      const reported = [...tables.pods.values()].filter((pod) => pod.epoch === epoch).map(({ observed }) => observed);
      const handedOver = [...(tables.handedOverEntries.get(epoch)?.values() ?? [])].map(lastSeqOf);
      return Math.max(0, ...reported, ...handedOver);
    });
  }

  allHandedOver(epoch: number): Promise<boolean> {
    return this.client.call(({ tables: { pods, cursor } }) => {
      const flushed = (seq: number | null) => seq !== null && cursor.epoch === epoch && seq <= cursor.seq;
      return [...pods.values()].every((pod) => pod.epoch !== epoch || pod.handedOver || flushed(pod.retiredSeq));
    });
  }

  pods(): Promise<PodRow[]> {
    return this.client.call(({ tables, nowMs }) =>
      [...tables.pods.values()].map(({ podId, epoch, observed, handedOver, retiredSeq, heartbeatMs }) => ({
        podId,
        epoch,
        observed,
        handedOver,
        retiredSeq,
        silentMs: nowMs - heartbeatMs,
      })),
    );
  }

  livePods(): Promise<LivePod[]> {
    return this.client.call(({ tables, nowMs }) =>
      [...tables.processes.values()].map(({ processId, redisSeen, redisSinceMs, heartbeatMs }) => ({
        processId,
        redisSeen,
        redisSinceMs: nowMs - redisSinceMs,
        silentMs: nowMs - heartbeatMs,
      })),
    );
  }

  markRetired(podId: string, seq: number): Promise<void> {
    return this.client.call(({ tables }) => {
      const pod = tables.pods.get(podId);
      if (pod) tables.set(tables.pods, podId, { ...pod, retiredSeq: seq });
    });
  }
  removePod(podId: string): Promise<void> {
    return this.client.call(({ tables }) => tables.delete(tables.pods, podId));
  }
  removeProcess(processId: string): Promise<void> {
    return this.client.call(({ tables }) => tables.delete(tables.processes, processId));
  }
}
