import { type AuditFault, type AuditReport, isOverdue, meaningOf, type SelfCheck, type ShardAudit } from '../audit.ts';
import { useLoaded, useSession } from '../state.ts';
import { Badge, Card, duration, Empty, Facts, Guide, Notice, Page, Shown, since, Table, when } from '../ui.tsx';

const EVERY_MS = 10_000;

/** Shows whether the books agree with everything that was committed. */
export function AuditPage() {
  const loaded = useLoaded<AuditReport>('/v1/ops/audit', EVERY_MS);
  return (
    <Page
      title="Audit"
      intro="The sealed log chains everything that was committed. A keeper compares it with the books every day."
    >
      <Shown of={loaded}>
        {(report) =>
          (report.shards ?? [{ ...report, shard: null, problem: undefined }]).map(({ shard, problem, ...audit }) => {
            const name = shard === null ? '' : ` of shard ${shard}`;
            if (problem) return <Unknown key={shard} name={name} {...problem} />;
            return <Shard key={shard} name={name} audit={audit as ShardAudit} />;
          })
        }
      </Shown>
      <Card title="Anchors">
        <p>
          Keepers with a signing key sign the end of the log every minute, and deliver these anchors to a place outside
          MySQL. Pods do not know them, so this page cannot show their age. The alert{' '}
          <Guide page="runbook.html#holdfastanchorsmissing">HoldfastAnchorsMissing</Guide> fires if no anchor is
          delivered any more. Only an audit with anchors proves that nothing was changed:{' '}
          <Guide page="audit.html#anchors">how to run it</Guide>.
        </p>
      </Card>
    </Page>
  );
}

const Unknown = ({ name, code, detail }: { name: string; code: string; detail: string }) => (
  <Card title={`Sealed log${name}`}>
    <Notice tone="bad">
      <p>
        <strong>{code}</strong> {detail}
      </p>
    </Notice>
  </Card>
);

function Shard({ name, audit }: { name: string; audit: ShardAudit }) {
  const { api } = useSession();
  const { log, lastCheck, lastSuccessAt, hashesWalkedAt } = audit;
  return (
    <>
      <Card title={`Sealed log${name}`}>
        <Facts
          facts={[
            ['Last position', log.length],
            ['Sealed', since(log.sealedAt, api.now())],
            ['Hash of the last row', <code key="hash">{log.hash}</code>],
            ['Last check without a fault', since(lastSuccessAt, api.now())],
            ['All hashes checked', since(hashesWalkedAt, api.now())],
          ]}
        />
        {log.length === 0 && (
          <Empty>The log is empty: nothing has been committed yet, or the ledger is in format 1.</Empty>
        )}
        {isOverdue(audit, api.now()) && (
          <Notice tone="warning">
            <p>
              No check has succeeded for three days.{' '}
              <Guide page="runbook.html#holdfastauditoverdue">HoldfastAuditOverdue: what to do</Guide>
            </p>
          </Notice>
        )}
      </Card>
      <Card title={`Latest self-check${name}`}>
        {lastCheck ? (
          <Check of={lastCheck} />
        ) : (
          <Empty>
            No self-check has run yet. A keeper runs it at the times of <code>AUDIT_CRON</code>, unless{' '}
            <code>AUDIT_MINUTES_MAX</code> is 0.
          </Empty>
        )}
      </Card>
    </>
  );
}

function Check({ of: check }: { of: SelfCheck }) {
  return (
    <>
      <Facts
        facts={[
          ['Result', <Result key="result" of={check} />],
          ['Finished', when(check.finishedAt)],
          ['Duration', duration(Date.parse(check.finishedAt) - Date.parse(check.startedAt))],
          ['New in the log', check.position > check.from ? `${check.from + 1} to ${check.position}` : 'nothing'],
          ['Entries compared', check.entries],
          ['Accounts compared', check.accounts],
          ['Older rows compared', check.sampled],
          ['All hashes checked by this run', check.walked ? 'yes' : 'no'],
        ]}
      />
      {check.clean ? (
        !check.complete && <p>This run was out of time before it reached the end of the log. The next run continues.</p>
      ) : (
        <Faults faults={check.faults} />
      )}
    </>
  );
}

function Result({ of: { clean, complete } }: { of: SelfCheck }) {
  if (!clean) return <Badge tone="bad">faults</Badge>;
  return complete ? <Badge tone="good">clean</Badge> : <Badge tone="warning">not finished</Badge>;
}

const Faults = ({ faults }: { faults: readonly AuditFault[] }) => (
  <>
    <Notice tone="bad">
      <p>
        MySQL differs from what was committed. Keep a copy of the database before you correct anything.{' '}
        <Guide page="runbook.html#holdfastauditfaults">HoldfastAuditFaults: what to do</Guide>
      </p>
    </Notice>
    <Table
      label="Faults"
      rows={faults}
      keyOf={({ position, index, what, problem }) => `${position} ${index} ${what} ${problem}`}
      empty="No fault was recorded."
      columns={[
        { name: 'What', of: ({ what }) => <code>{what}</code> },
        { name: 'Fault', of: ({ problem }) => problem },
        { name: 'What it means', of: meaningOf },
        { name: 'Position', of: ({ position }) => position, isNumber: true },
        { name: 'Entry', of: ({ index }) => index, isNumber: true },
      ]}
    />
  </>
);
