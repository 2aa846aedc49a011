import { useEffect, useRef, useState } from 'preact/hooks';
import { Chart } from '../chart.tsx';
import { type LiveReport, type LiveShard, type Sample, sampleBetween } from '../rates.ts';
import { useLoaded } from '../state.ts';
import { Badge, Card, duration, Empty, Facts, Page, Shown, Table } from '../ui.tsx';

const EVERY_MS = 1_000;
const STATUS_EVERY_MS = 5_000;
/** Five minutes. */
const SAMPLES_MAX = 300;
/** A process that has been silent for longer than this counts as absent, ms. */
const SILENT_MS_MAX = 10_000;

interface Process {
  silentMs: number;
}
interface Status {
  mode: string;
  shards?: readonly ShardStatus[];
}
interface ShardStatus {
  processes: readonly (Process & { processId: string; redisSeen: boolean })[] | null;
  keepers: readonly (Process & { keeperId: string })[] | null;
  journal: { length: number; ageMs: number } | null;
  frozenAccountsTotal: number | null;
  breakers: { redis: string; mysql: string };
}

/** Shows whether the ledger is slow, and whether the money is safe. */
export function LivePage() {
  const live = useLoaded<LiveReport>('/v1/ops/live', EVERY_MS);
  const status = useLoaded<Status & ShardStatus>('/v1/ops/status', STATUS_EVERY_MS);
  const samples = useSamples(live.data);
  const last = samples.at(-1);
  const seconds = samples.map(({ at }) => at);
  const valuesOf = (field: keyof Sample) => samples.map((sample) => sample[field]);
  return (
    <Page
      title="Live"
      intro="What this pod sees now. The rate of outcomes counts all pods; latencies are those of this pod."
    >
      <Shown of={live}>{(report) => <Headline report={report} last={last} />}</Shown>
      <div class="columns">
        <Card title="Outcomes per second">
          <Chart
            label="Outcomes and requests per second over the last five minutes"
            seconds={seconds}
            series={[
              { label: 'All pods: outcomes', values: valuesOf('outcomesPerSecond') },
              { label: 'This pod: requests', values: valuesOf('requestsPerSecond') },
            ]}
          />
        </Card>
        <Card title="Latency of transfers, ms">
          <Chart
            label="Latency of transfers over the last five minutes"
            seconds={seconds}
            series={[
              { label: 'p50', values: valuesOf('p50Ms') },
              { label: 'p95', values: valuesOf('p95Ms') },
              { label: 'p99', values: valuesOf('p99Ms') },
            ]}
          />
        </Card>
      </div>
      <Shown of={live}>{(report) => <Shards shards={report.shards} />}</Shown>
      <Shown of={status}>{(data) => <Processes shards={data.shards ?? [data]} />}</Shown>
    </Page>
  );
}

function useSamples(report: LiveReport | null): readonly Sample[] {
  const [samples, setSamples] = useState<readonly Sample[]>([]);
  const before = useRef<LiveReport | null>(null);
  useEffect(() => {
    // A report that was already returned for an earlier request contains nothing new.
    if (!report || report.at === before.current?.at) return;
    const sample = sampleBetween(before.current, report);
    before.current = report;
    setSamples((old) => [...old.slice(-SAMPLES_MAX + 1), sample]);
  }, [report]);
  return samples;
}

const number = (value: number | null | undefined, unit = ''): string =>
  value === null || value === undefined ? '–' : `${value >= 100 ? Math.round(value) : value.toFixed(1)}${unit}`;

function Headline({ report, last }: { report: LiveReport; last: Sample | undefined }) {
  const modes = [...new Set(report.shards.map(({ mode }) => mode ?? 'UNKNOWN'))];
  const epochs = [...new Set(report.shards.map(({ epoch }) => epoch))];
  const mode = modes.length === 1 ? (modes[0] ?? 'UNKNOWN') : 'MIXED';
  return (
    <div class="tiles">
      <Tile name="Mode" value={<Badge tone={mode === 'CACHE' ? 'good' : 'warning'}>{mode}</Badge>} />
      <Tile name="Epoch" value={epochs.length === 1 ? String(epochs[0] ?? '–') : 'several'} />
      <Tile name="Outcomes/s" value={number(last?.outcomesPerSecond)} />
      <Tile name="p50" value={number(last?.p50Ms, ' ms')} />
      <Tile name="p95" value={number(last?.p95Ms, ' ms')} />
      <Tile name="p99" value={number(last?.p99Ms, ' ms')} />
      <Tile name="Flush lag" value={duration(last?.lagMs ?? 0)} />
    </div>
  );
}

const Tile = ({ name, value }: { name: string; value: preact.ComponentChildren }) => (
  <div class="tile">
    <div class="name">{name}</div>
    <div class="value">{value}</div>
  </div>
);

function Shards({ shards }: { shards: readonly LiveShard[] }) {
  return (
    <Card title={shards.length === 1 ? 'Ledger' : 'Shards'}>
      <Table
        label="Shards"
        rows={shards}
        keyOf={({ shard }) => String(shard)}
        empty="This pod serves no shard."
        columns={[
          { name: 'Shard', of: ({ shard }) => shard },
          {
            name: 'Mode',
            of: ({ mode }) => <Badge tone={mode === 'CACHE' ? 'good' : 'warning'}>{mode ?? 'UNKNOWN'}</Badge>,
          },
          { name: 'Epoch', of: ({ epoch }) => epoch, isNumber: true },
          { name: 'Changes', of: ({ stopped, open }) => <Changes isStopped={stopped} isOpen={open} /> },
          { name: 'Journal', of: ({ seq }) => seq, isNumber: true },
          { name: 'In MySQL', of: ({ cursor }) => cursor, isNumber: true },
          { name: 'Queued', of: ({ queuedTransfers }) => queuedTransfers, isNumber: true },
          { name: 'Complaints', of: ({ complaints }) => complaints.join('; ') || 'none' },
        ]}
      />
    </Card>
  );
}

function Changes({ isStopped, isOpen }: { isStopped: boolean; isOpen: boolean }) {
  if (isStopped) return <Badge tone="bad">stopped</Badge>;
  return isOpen ? <Badge tone="good">open</Badge> : <Badge tone="warning">waiting</Badge>;
}

function Processes({ shards }: { shards: readonly ShardStatus[] }) {
  const [first] = shards;
  if (!first) return <Empty>Nothing is known about the processes.</Empty>;
  const frozen = shards.reduce((sum, shard) => sum + (shard.frozenAccountsTotal ?? 0), 0);
  const waiting = shards.reduce((sum, shard) => sum + (shard.journal?.length ?? 0), 0);
  const states = (of: 'redis' | 'mysql') =>
    [...new Set(shards.map(({ breakers }) => breakers?.[of] ?? 'unknown'))].join(', ');
  return (
    <div class="columns">
      <Card title="Money">
        <Facts
          facts={[
            ['Frozen accounts', frozen > 0 ? <Badge tone="bad">{frozen}</Badge> : 'none'],
            ['Outcomes not in MySQL yet', waiting],
            ['Redis', states('redis') === 'closed' ? 'available' : `breaker ${states('redis')}`],
            ['MySQL', states('mysql') === 'closed' ? 'available' : `breaker ${states('mysql')}`],
          ]}
        />
      </Card>
      <Card title="Pods and keepers">
        <Table
          label="Pods and keepers"
          rows={[
            ...(first.processes ?? []).map(({ processId, silentMs, redisSeen }) => ({
              ...{ id: processId, role: 'pod', silentMs, redis: redisSeen ? 'reachable' : 'unreachable' },
            })),
            ...(first.keepers ?? []).map(({ keeperId, silentMs }) => ({
              id: keeperId,
              role: 'keeper',
              silentMs,
              redis: null,
            })),
          ]}
          keyOf={({ id, role }) => `${role} ${id}`}
          empty="No process has reported yet."
          columns={[
            { name: 'Process', of: ({ id }) => <code>{id}</code> },
            { name: 'Role', of: ({ role }) => role },
            { name: 'Redis', of: ({ redis }) => redis },
            {
              name: 'Heard from',
              of: ({ silentMs }) =>
                silentMs > SILENT_MS_MAX ? (
                  <Badge tone="bad">{duration(silentMs)} ago</Badge>
                ) : (
                  `${duration(silentMs)} ago`
                ),
            },
          ]}
        />
      </Card>
    </div>
  );
}
