import { Confirm } from '../confirm.tsx';
import type { LedgerStop } from '../schemas.ts';
import { useCommand, useLoaded, useSession } from '../state.ts';
import { Badge, Card, Facts, Notice, Page, Shown, Table, when } from '../ui.tsx';

const EVERY_MS = 5_000;

export function StopPage() {
  const { api } = useSession();
  const loaded = useLoaded<LedgerStop>('/v1/ops/stop', EVERY_MS);
  const stop = useCommand((reason: string) => api.post<LedgerStop>('/v1/ops/stop', { reason }), loaded.reload);
  return (
    <Page
      title="Emergency stop"
      intro="Refuses every change to the ledger, on all pods, until it is released. Reads continue."
    >
      {/* Offered even if the state cannot be read. */}
      <div class="row">
        <Confirm
          action="Stop everything"
          title="Stop all changes"
          tone="danger"
          typed="STOP"
          needsReason
          command={stop}
        >
          <p>Every transfer, hold and change of an account is refused from now on, for all clients.</p>
        </Confirm>
      </div>
      <Shown of={loaded}>
        {(state) => (
          <>
            <Now state={state} reload={loaded.reload} />
            <Card title="Stops and releases">
              <StopChanges changes={state.changes} />
            </Card>
          </>
        )}
      </Shown>
    </Page>
  );
}

function Now({ state, reload }: { state: LedgerStop; reload: () => void }) {
  const isOpen = !state.stopped && !state.shards?.some(({ stopped, problem }) => stopped || problem);
  return (
    <Card title="Now">
      <Facts
        facts={[
          ['State', <State key="state" of={state} />],
          ['Confirmed by the stores', state.enforced ? 'yes' : 'not yet: the pods keep trying'],
        ]}
      />
      {!state.enforced && (
        <Notice tone="bad">
          <p>A store has not confirmed the state: a pod may still act on the previous one.</p>
        </Notice>
      )}
      {state.olderProcesses.length > 0 && (
        <Notice tone="bad">
          <p>These processes of an older release do not obey a stop: {state.olderProcesses.join(', ')}</p>
        </Notice>
      )}
      {state.shards && <ShardStates shards={state.shards} />}
      {!isOpen && <Release key={state.number} number={state.number} reload={reload} />}
    </Card>
  );
}

/** Releases the stop that the operator has seen: a later one closes the dialog, and is not released. */
function Release({ number, reload }: { number: number | null; reload: () => void }) {
  const { api } = useSession();
  const command = useCommand(
    (reason: string) => api.post<LedgerStop>('/v1/ops/release', { reason, ...(number !== null && { number }) }),
    reload,
  );
  return (
    <div class="row">
      <Confirm action="Release" title="Release the ledger" needsReason command={command}>
        <p>Changes are accepted again, for all clients.</p>
      </Confirm>
    </div>
  );
}

export const StopChanges = ({ changes }: Pick<LedgerStop, 'changes'>) => (
  <Table
    label="Stops and releases"
    rows={changes}
    keyOf={({ number, at }) => `${number} ${at}`}
    empty="The ledger has never been stopped."
    columns={[
      { name: 'When', of: ({ at }) => when(at) },
      {
        name: 'What',
        of: ({ stopped }) => (stopped ? <Badge tone="bad">stopped</Badge> : <Badge tone="good">released</Badge>),
      },
      { name: 'Who', of: ({ by }) => by },
      { name: 'Why', of: ({ reason }) => reason },
      { name: 'Correlation id', of: ({ correlationId }) => correlationId && <code>{correlationId}</code> },
    ]}
  />
);

function State({ of: { stopped, shards } }: { of: LedgerStop }) {
  if (stopped) return <Badge tone="bad">stopped</Badge>;
  if (shards?.some((shard) => shard.stopped)) return <Badge tone="bad">partly stopped</Badge>;
  return <Badge tone="good">open</Badge>;
}

const ShardStates = ({ shards }: { shards: NonNullable<LedgerStop['shards']> }) => (
  <Table
    label="Shards"
    rows={shards}
    keyOf={({ shard }) => String(shard)}
    empty="No shards."
    columns={[
      { name: 'Shard', of: ({ shard }) => shard },
      { name: 'State', of: ({ stopped, problem }) => (problem ? problem.code : stopped ? 'stopped' : 'open') },
      { name: 'Confirmed', of: ({ enforced }) => (enforced ? 'yes' : 'no') },
    ]}
  />
);
