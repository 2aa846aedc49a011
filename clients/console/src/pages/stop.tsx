import { Confirm } from '../confirm.tsx';
import type { LedgerStop } from '../schemas.ts';
import { useCommand, useLoaded, useSession } from '../state.ts';
import { Badge, Card, Facts, Notice, Page, Shown, Table, when } from '../ui.tsx';

const EVERY_MS = 5_000;

export function StopPage() {
  const { api } = useSession();
  const loaded = useLoaded<LedgerStop>('/v1/ops/stop', EVERY_MS);
  const stop = useCommand((reason: string) => api.post<LedgerStop>('/v1/ops/stop', { reason }), loaded.reload);
  const release = useCommand((reason: string) => api.post<LedgerStop>('/v1/ops/release', { reason }), loaded.reload);
  return (
    <Page
      title="Emergency stop"
      intro="Refuses every change to the ledger, on all pods, until it is released. Reads continue."
    >
      <Shown of={loaded}>
        {(state) => (
          <>
            <Card title="Now">
              <Facts
                facts={[
                  ['State', <State key="state" of={state} />],
                  ['Confirmed by the stores', state.enforced ? 'yes' : 'not yet: the pods keep trying'],
                ]}
              />
              {state.olderProcesses.length > 0 && (
                <Notice tone="bad">
                  <p>These processes of an older release do not obey a stop: {state.olderProcesses.join(', ')}</p>
                </Notice>
              )}
              {state.shards && <ShardStates shards={state.shards} />}
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
                <Confirm action="Release" title="Release the ledger" needsReason command={release}>
                  <p>Changes are accepted again, for all clients.</p>
                </Confirm>
              </div>
            </Card>
            <Card title="Stops and releases">
              <Table
                label="Stops and releases"
                rows={state.changes}
                keyOf={(change) => `${change.number} ${change.at}`}
                empty="The ledger has never been stopped."
                columns={[
                  { name: 'When', of: ({ at }) => when(at) },
                  {
                    name: 'What',
                    of: ({ stopped }) =>
                      stopped ? <Badge tone="bad">stopped</Badge> : <Badge tone="good">released</Badge>,
                  },
                  { name: 'Who', of: ({ by }) => by },
                  { name: 'Why', of: ({ reason }) => reason },
                ]}
              />
            </Card>
          </>
        )}
      </Shown>
    </Page>
  );
}

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
