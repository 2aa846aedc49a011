import type { RecoveryReport } from '../../shards/shard-recovery.ts';
import type { Check } from './check.ts';
import type { Plan } from './plan.ts';
import type { RecoverResult } from './recover.ts';
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

export function checkText({ faults, notes, shards, crossings, inTransit }: Check): string {
  const parts = [
    table(
      ['shard', 'ledger', 'identity', 'mode', 'Redis'],
      shards.map(({ shard, ledgerId, identity, mode, redis }) => [
        ...[
          shard,
          ledgerId ?? '?',
          identity ? `${identity.shard} of ${identity.shards}` : '?',
          mode ?? '?',
          redis ?? '?',
        ],
      ]),
    ),
  ];
  if (crossings.length > 0) {
    const rows = crossings.map(({ from, to, open, oldestSeconds }) => [from, to, open, oldestSeconds]);
    parts.push(table(['from', 'to', 'open crossings', 'oldest, s'], rows));
  }
  if (inTransit.length > 0) {
    const rows = inTransit.map(({ currency, held, underWay }) => [currency, held, underWay]);
    parts.push(table(['currency', 'held by transit accounts', 'open crossings'], rows));
  }
  if (notes.length > 0) parts.push(notes.map((note) => `Note: ${note}.`).join('\n'));
  parts.push(faults.length > 0 ? faults.map((fault) => `Fault: ${fault}.`).join('\n') : 'Everything agrees.');
  return parts.join('\n\n');
}

export function recoverText({ isDryRun, reasons, shards }: RecoverResult): string {
  const lines = reasons.map((reason) => `Not now: ${reason}.`);
  for (const { shard, epoch, report } of shards) {
    const loss = Object.entries(report.loss).map(([currency, sum]) => `${sum} minor units in ${currency}`);
    lines.push(
      `Shard ${shard}, epoch ${epoch}`,
      `  transfers compared: ${report.crossings} toward the shard, ${report.arrivals} from it`,
      `  opened again: transfers ${report.reopened}, accounts ${report.accountsOpened}`,
      `  written again: posted ${report.paid}, refused ${report.refused + report.refusalsRestored}`,
      `  paid by the account of losses: ${loss.join(', ') || 'nothing'}`,
      ...report.listed.map((what) => `  Contradiction: ${what}.`),
    );
    if (report.contradictions > report.listed.length) lines.push(`  ${report.contradictions} contradictions in all.`);
  }
  if (isDryRun) lines.push('This was a dry run: nothing was changed.');
  else if (shards.length > 0) lines.push('Start the keepers and the pods, and run a reconciliation.');
  else lines.push('Nothing was changed.');
  return lines.join('\n');
}

export const progressText = (
  shard: number,
  { crossings, arrivals, reopened, paid }: Readonly<RecoveryReport>,
): string =>
  `shard ${shard}: compared ${crossings} transfers toward it and ${arrivals} from it, opened ${reopened} again, wrote ${paid} again`;
