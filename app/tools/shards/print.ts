import type { Plan } from './plan.ts';
import { table } from './table.ts';
import type { Place } from './where.ts';

export function placesText(places: readonly Place[]): string {
  const rows = places.map(({ account, key, slot, shard }) => [account, key, slot, shard]);
  return table(['account', 'key', 'slot', 'shard'], rows);
}

export function planText({ shards, redis, mysql }: Plan): string {
  const rows = shards.map(({ shard, slots, tag, tagSlot, ...at }) => [
    ...[shard, `${slots.from}–${slots.to}`, tag, tagSlot, at.redis, at.mysql],
  ]);
  const servers = [
    ...redis.map((line) => ({ kind: 'Redis', ...line })),
    ...mysql.map((line) => ({ kind: 'MySQL', ...line })),
  ];
  return [
    table(['shard', 'slots of accounts', 'hash tag', 'slot in Redis', 'Redis', 'MySQL'], rows),
    table(
      ['', 'server', 'connections, at most', 'shards'],
      servers.map((line) => [line.kind, line.server, line.connections, line.shards.join(', ')]),
    ),
  ].join('\n\n');
}
