import { useState } from 'preact/hooks';
import { Confirm } from '../confirm.tsx';
import { useCommand, useSession } from '../state.ts';
import { Badge, Card, Empty, Facts, Notice, Page, Table, when } from '../ui.tsx';

interface ShardReport {
  shard?: number;
  problem?: { code: string; detail: string };
  clean?: boolean;
  finishedAt?: string;
  accounts?: number;
  transfers?: number;
  holds?: number;
  cachedAccounts?: number;
  driftAccounts?: number;
  sums?: Readonly<Record<string, string>>;
  drift?: readonly { accountId: string; kind?: string; detail?: string }[];
}
/** A large ledger takes many minutes. */
const TIMEOUT_MS = 3_600_000;

type Report = ShardReport & { shards?: readonly ShardReport[] };

/** Shows whether Redis, the accounts and their history agree. */
export function ReconciliationPage() {
  const { api } = useSession();
  const [report, setReport] = useState<Report | null>(null);
  const command = useCommand(
    () => api.send<Report>('POST', '/v1/ops/reconciliations', { timeoutMs: TIMEOUT_MS }),
    setReport,
  );
  return (
    <Page
      title="Reconciliation"
      intro="Compares Redis, the accounts, their history and the sums. It runs every night, and changes nothing."
    >
      <Card title="Run now">
        <Confirm action="Reconcile" title="Reconcile now" command={command}>
          <p>It reads all accounts and transfers in MySQL, which takes minutes for a large ledger.</p>
        </Confirm>
      </Card>
      {report === null ? (
        <Empty>Nothing has been compared in this tab yet.</Empty>
      ) : (
        (report.shards ?? [report]).map((shard) => <Result key={shard.shard ?? 0} report={shard} />)
      )}
    </Page>
  );
}

function Result({ report }: { report: ShardReport }) {
  const title = report.shard === undefined ? 'Result' : `Shard ${report.shard}`;
  if (report.problem)
    return (
      <Card title={title}>
        <Notice tone="bad">
          <p>
            <strong>{report.problem.code}</strong> {report.problem.detail}
          </p>
        </Notice>
      </Card>
    );
  return (
    <Card title={title}>
      <Facts
        facts={[
          ['Result', report.clean ? <Badge tone="good">clean</Badge> : <Badge tone="bad">differences</Badge>],
          ['Finished', when(report.finishedAt)],
          ['Accounts', report.accounts],
          ['Transfers', report.transfers],
          ['Holds', report.holds],
          ['Accounts in Redis', report.cachedAccounts],
          ['Accounts that differ', report.driftAccounts],
          ['Sums', sumsOf(report.sums)],
        ]}
      />
      {report.drift && report.drift.length > 0 && (
        <Table
          label="Accounts that differ"
          rows={report.drift}
          keyOf={({ accountId }) => accountId}
          empty="None."
          columns={[
            { name: 'Account', of: ({ accountId }) => accountId },
            { name: 'Difference', of: (drift) => <code>{JSON.stringify(drift)}</code> },
          ]}
        />
      )}
    </Card>
  );
}

const sumsOf = (sums: ShardReport['sums']): string =>
  Object.entries(sums ?? {})
    .map(([currency, sum]) => `${currency} ${sum}`)
    .join(', ') || 'no money';
