import { Confirm } from '../confirm.tsx';
import { linkTo, useCommand, useLoaded, useSession } from '../state.ts';
import { Badge, Card, duration, Empty, Facts, Notice, Page, Shown, Table } from '../ui.tsx';

interface Listed<T> {
  total: number;
  items: readonly T[];
}
interface ShardReport {
  shard?: number;
  problem?: { code: string; detail: string };
  mode: string;
  epoch: number;
  cacheEpoch: number | null;
  sinceMs: number;
  frozenAccounts: Listed<{ accountId: string; reason?: string; epoch: number; frozenForMs: number }>;
  ids: Listed<{ kind: string; id: string; accounts: readonly string[] }>;
  undrainedPods: Listed<{ podId: string; observed: number; silentMs: number }>;
  dropped: Listed<{ id: number; kind: string; entryId: string; acceptedBy: string; reason: string }>;
}
type Report = ShardReport & { shards?: readonly ShardReport[] };

const EVERY_MS = 5_000;

/** Shows which accounts are frozen and why, and what an operator can do about it. */
export function RecoveryPage() {
  const loaded = useLoaded<Report>('/v1/ops/unsettled', EVERY_MS);
  return (
    <Page title="Recovery" intro="What waits for the journal of a Redis that was lost.">
      <Shown of={loaded}>
        {(report) =>
          (report.shards ?? [report]).map((shard) => (
            <Shard key={shard.shard ?? 0} report={shard} isOnly={!report.shards} reload={loaded.reload} />
          ))
        }
      </Shown>
    </Page>
  );
}

function Shard({ report, isOnly, reload }: { report: ShardReport; isOnly: boolean; reload: () => void }) {
  const name = isOnly ? 'Ledger' : `Shard ${report.shard}`;
  if (report.problem)
    return (
      <Card title={name}>
        <Notice tone="bad">
          <p>
            <strong>{report.problem.code}</strong> {report.problem.detail}
          </p>
        </Notice>
      </Card>
    );
  const isWaiting = report.cacheEpoch !== null && (report.mode === 'CLOSING' || report.mode === 'DIRECT');
  return (
    <>
      <Card title={name}>
        <Facts
          facts={[
            [
              'Mode',
              <Badge key="mode" tone={report.mode === 'CACHE' ? 'good' : 'warning'}>
                {report.mode}
              </Badge>,
            ],
            ['Epoch', report.epoch],
            ['For', duration(report.sinceMs)],
            ['Frozen accounts', report.frozenAccounts.total],
            ['Ids without a known outcome', report.ids.total],
          ]}
        />
        {isWaiting ? (
          <AcceptLoss report={report} reload={reload} />
        ) : (
          <Empty>Nothing waits for a journal, so there is no loss to accept.</Empty>
        )}
      </Card>
      {(isWaiting || report.dropped.total > 0) && <Lists report={report} />}
    </>
  );
}

function AcceptLoss({ report, reload }: { report: ShardReport; reload: () => void }) {
  const { api } = useSession();
  const command = useCommand(
    (reason: string) =>
      api.post('/v1/ops/loss-acceptances', {
        epoch: report.epoch,
        reason,
        ...(report.shard !== undefined && { shard: report.shard }),
      }),
    reload,
  );
  return (
    <>
      <Notice tone="warning">
        <p>
          If the old Redis comes back, everything is recovered automatically. Accept the loss only if it is gone for
          good.
        </p>
      </Notice>
      <Confirm
        action="Accept the loss"
        title="Accept the loss"
        tone="danger"
        typed={`LOSE ${report.epoch}`}
        needsReason
        command={command}
      >
        <p>
          Missing transfers are dropped and recorded with your name. {report.frozenAccounts.total} accounts and{' '}
          {report.ids.total} ids wait. This cannot be undone.
        </p>
      </Confirm>
    </>
  );
}

function Lists({ report }: { report: ShardReport }) {
  return (
    <>
      <Card title={`Pods that have not handed over (${report.undrainedPods.total})`}>
        <Table
          label="Pods that have not handed over"
          rows={report.undrainedPods.items}
          keyOf={({ podId }) => podId}
          empty="Every pod has handed over."
          columns={[
            { name: 'Pod', of: ({ podId }) => <code>{podId}</code> },
            { name: 'Observed', of: ({ observed }) => observed, isNumber: true },
            { name: 'Heard from', of: ({ silentMs }) => `${duration(silentMs)} ago` },
          ]}
        />
      </Card>
      <Card title={`Frozen accounts (${report.frozenAccounts.total})`}>
        <Table
          label="Frozen accounts"
          rows={report.frozenAccounts.items}
          keyOf={({ accountId }) => accountId}
          empty="No account is frozen."
          columns={[
            { name: 'Account', of: ({ accountId }) => <a href={linkTo('accounts', accountId)}>{accountId}</a> },
            { name: 'Why', of: ({ reason }) => reason },
            { name: 'For', of: ({ frozenForMs }) => duration(frozenForMs) },
          ]}
        />
      </Card>
      <Card title={`Ids without a known outcome (${report.ids.total})`}>
        <Table
          label="Ids without a known outcome"
          rows={report.ids.items}
          keyOf={({ kind, id }) => `${kind} ${id}`}
          empty="Every id has a known outcome."
          columns={[
            { name: 'Kind', of: ({ kind }) => kind },
            { name: 'Id', of: ({ id }) => <code>{id}</code> },
            { name: 'Accounts', of: ({ accounts }) => accounts?.join(', ') },
          ]}
        />
      </Card>
      <Card title={`Given up earlier (${report.dropped.total})`}>
        <Table
          label="Given up earlier"
          rows={report.dropped.items}
          keyOf={({ id }) => String(id)}
          empty="Nothing has been given up."
          columns={[
            { name: 'Kind', of: ({ kind }) => kind },
            { name: 'Id', of: ({ entryId }) => <code>{entryId}</code> },
            { name: 'By', of: ({ acceptedBy }) => acceptedBy },
            { name: 'Why', of: ({ reason }) => reason },
          ]}
        />
      </Card>
    </>
  );
}
