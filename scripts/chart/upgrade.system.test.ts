import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findTool } from '../../devstack/install/go-tools.mjs';
import { temporaryFolder } from '../../devstack/testing/temporary.mjs';
import { CHART, type Manifest, render, renderText, SECRETS } from './render.mjs';

const STORES = ['redis', 'mysql'];
const ROLES = ['api', 'keeper'];

/** The chart in another version. */
function chartOfVersion(version: string): string {
  const chart = join(temporaryFolder(), 'holdfast');
  cpSync(CHART, chart, { recursive: true });
  const file = join(chart, 'Chart.yaml');
  const text = readFileSync(file, 'utf8');
  writeFileSync(
    file,
    text.replace(/^version: .*$/m, `version: ${version}`).replace(/^appVersion: .*$/m, 'appVersion: 9'),
  );
  return chart;
}

/**
 * The pod templates of all workloads: an upgrade restarts the pods of a workload if, and only if, its template changes.
 */
function podTemplates(values: object, chart = CHART): Record<string, unknown> {
  const merged = { ...SECRETS.dev, ...values };
  const workloads = [...render(merged, { files: ['values-dev.yaml'], chart })].filter(([key]) =>
    /^(StatefulSet|Deployment)\//.test(key),
  );
  return Object.fromEntries(
    workloads.map(([key, { spec }]) => [key.replace(/^\w+\/holdfast-/, ''), JSON.stringify(spec.template)]),
  );
}

function restartedBy(before: Record<string, unknown>, after: Record<string, unknown>): string[] {
  expect(Object.keys(after)).toEqual(Object.keys(before));
  return Object.keys(before).filter((name) => before[name] !== after[name]);
}

// If neither Go nor Helm is installed, scripts/checks/chart.mjs reports that.
describe.skipIf(findTool('helm') === null)('An upgrade', () => {
  const dev = SECRETS.dev.development;
  const image = { tag: '1.0.0' };
  const restarted = (from: object, to: object) =>
    restartedBy(podTemplates({ image, ...from }), podTemplates({ image, ...to }));

  it('to another image restarts our own pods, but neither store', () => {
    expect(restarted({}, { image: { tag: '1.1.0' } }).toSorted()).toEqual(ROLES.toSorted());
    expect(restarted({}, { image: { ...image, digest: `sha256:${'0'.repeat(64)}` } }).toSorted()).toEqual(
      ROLES.toSorted(),
    );
  });

  it('to another version of the chart with the same image restarts nothing', () => {
    expect(restartedBy(podTemplates({ image }), podTemplates({ image }, chartOfVersion('9.9.9')))).toEqual([]);
  });

  it('with another setting or secret restarts the workloads that read it', () => {
    expect(restarted({}, { config: { LOG_LEVEL: 'warn' } }).toSorted()).toEqual(ROLES.toSorted());
    expect(restarted({}, { bootstrapApiKey: 'k'.repeat(24) })).toEqual(['api']);
    const development = { ...dev, redis: { ...dev.redis, password: 'another12345678901' } };
    expect(restarted({}, { development }).toSorted()).toEqual([...ROLES, 'redis'].toSorted());
    expect(restarted({}, { service: { port: 8000 }, monitoring: { serviceMonitor: true } })).toEqual([]);
  });

  it('never changes immutable fields: selectors, governing Services, volumes', () => {
    const fixed = (chart: string, tag: string) => {
      const objects = render({ ...SECRETS.dev, image: { tag } }, { files: ['values-dev.yaml'], chart });
      return [...objects.values()]
        .filter(({ kind }) => /^(StatefulSet|Deployment|Service)$/.test(kind))
        .map(({ kind, metadata, spec }) => [
          kind,
          metadata.name,
          kind === 'Service' ? spec.clusterIP : [spec.selector, spec.serviceName, spec.volumeClaimTemplates],
        ]);
    };
    const before = fixed(CHART, '1.0.0');
    expect(fixed(chartOfVersion('9.9.9'), '1.1.0')).toEqual(before);
    expect(JSON.stringify(before)).not.toContain('version');
  });
});

describe.skipIf(findTool('helm') === null)('The development stores', () => {
  const objects = () => render(SECRETS.dev, { files: ['values-dev.yaml'] });

  it('keep their address when their pod is replaced: clients connect to a ClusterIP', () => {
    const all = objects();
    for (const store of STORES) {
      const forClients = all.get(`Service/holdfast-${store}-client`)?.['spec'];
      expect(forClients.clusterIP).toBeUndefined();
      const workload = all.get(`StatefulSet/holdfast-${store}`)?.['spec'];
      expect(workload.template.metadata.labels).toMatchObject(forClients.selector);
      // A StatefulSet requires a headless Service, and an upgrade cannot turn another Service into one.
      expect(workload.serviceName).toBe(`holdfast-${store}`);
      expect(all.get(`Service/${workload.serviceName}`)?.['spec'].clusterIP).toBe('None');
    }
    const urls = [...all.values()]
      .flatMap(({ spec }) => spec?.template?.spec?.containers?.[0]?.env ?? [])
      .filter(({ value }: Manifest) => /^(redis|mysql):.*\$\(/.test(value))
      .map(({ value }: Manifest) => new URL(value.replace(/\$\(\w+\)/, 'x')).hostname);
    expect(new Set(urls)).toEqual(new Set(STORES.map((store) => `holdfast-${store}-client`)));
  });
});

describe.skipIf(findTool('helm') === null)('The migration', () => {
  const spec = (migration: object = {}) =>
    render({ ...SECRETS.default, migration }).get('Job/holdfast-migration')?.['spec'];

  it('waits for MySQL inside its process, and all attempts end within the default timeout of helm', () => {
    const { backoffLimit, activeDeadlineSeconds, template } = spec();
    const waitMs = Number(
      template.spec.containers[0].env.find(({ name }: Manifest) => name === 'MYSQL_COMMAND_WAIT_MS').value,
    );
    expect(waitMs).toBe(120_000);
    // The Job controller waits 10 s before the first repetition, and twice as long before each further one.
    const delays = 10 * (2 ** backoffLimit - 1);
    const longest = ((backoffLimit + 1) * waitMs) / 1000 + delays;
    expect(longest).toBeLessThan(300);
    expect(longest).toBeLessThan(activeDeadlineSeconds);
    expect(() => spec({ waitSeconds: 300 })).toThrow('migration.deadlineSeconds must be at least 660');
  });

  it('is not repeated if a setting is wrong, and a lost node does not count as a failure', () => {
    const { podFailurePolicy, template } = spec();
    expect(template.spec.restartPolicy).toBe('Never');
    const exit = Number(/EXIT_CONFIG = (\d+)/.exec(readFileSync('app/main.ts', 'utf8'))?.[1]);
    expect(podFailurePolicy.rules).toEqual([
      { action: 'FailJob', onExitCodes: { containerName: 'migration', operator: 'In', values: [exit] } },
      { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
    ]);
  });
});

describe.skipIf(findTool('helm') === null)('Helm', () => {
  it('renders the chart without --kube-version, and refuses only a cluster that is too old', () => {
    expect(renderText(SECRETS.default, { kubernetes: null })).toContain('kind: Deployment');
    expect(() => renderText(SECRETS.default, { kubernetes: '1.26.9' })).toThrow(
      '1.27 or newer is required, not v1.26.9',
    );
    expect(renderText(SECRETS.default, { kubernetes: '1.27.0' })).toContain('kind: Deployment');
  });

  it('keeps the pod of `helm test` until the next test, so that --logs can read it', () => {
    const { annotations } = render(SECRETS.default).get('Pod/holdfast-test')?.['metadata'] ?? {};
    expect(annotations['helm.sh/hook-delete-policy']).toBe('before-hook-creation');
  });
});
