import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { findTool } from '../../devstack/install/go-tools.mjs';
import { type Manifest, render, SECRETS } from './render.mjs';

const textOf = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
/** Converts a CPU quantity, such as `100m` or `1`, to cores. */
const coresOf = (cpu: string | number) => (String(cpu).endsWith('m') ? Number.parseInt(String(cpu), 10) / 1000 : +cpu);

/** The HPA's decision on one metric. It ignores differences of up to 10 %. */
function desiredPods(pods: number, current: number, target: number): number {
  const ratio = current / target;
  return Math.abs(ratio - 1) <= 0.1 ? pods : Math.ceil(pods * ratio);
}

// If neither Go nor Helm is installed, scripts/checks/chart.mjs reports that.
describe.skipIf(findTool('helm') === null)('The autoscaler', () => {
  /** CPU time of an API pod per transfer at 5,000/s, in seconds, from the load test. */
  const perTransfer =
    Number(/## steady:[\s\S]*?\| cpu api, µs \| ([\d.]+) \|/.exec(textOf('loadtest/RESULTS.md'))?.[1]) / 1e6;

  function scaled(values: object, files: string[] = []) {
    const objects = render(values, { files });
    const { spec } = objects.get('HorizontalPodAutoscaler/holdfast-api') ?? {};
    const container = objects.get('Deployment/holdfast-api')?.['spec'].template.spec.containers[0];
    const metric = (type: string) => spec.metrics.find((candidate: Manifest) => candidate['type'] === type);
    return {
      spec,
      /** The number of pods that the HPA requests based on CPU when `pods` share this rate. */
      wanted(rate: number, pods: number): number {
        const percent = ((rate / pods) * perTransfer * 100) / coresOf(container.resources.requests.cpu);
        return desiredPods(pods, percent, metric('Resource').resource.target.averageUtilization);
      },
      transfersTarget: Number(metric('Pods')?.pods.target.averageValue),
    };
  }

  it('with the default values scales up on CPU at the rate that the service is designed for, and settles there', () => {
    const { spec, wanted } = scaled(SECRETS.default);
    expect(perTransfer).toBeGreaterThan(0);
    expect(spec.minReplicas).toBe(3);
    expect(wanted(5_000, 3)).toBeLessThanOrEqual(3);
    expect(wanted(10_000, 3)).toBe(4);
    expect(wanted(10_000, 4)).toBe(4);
    expect(wanted(30_000, 6)).toBe(12);
    const page = textOf('docs/sizing.md');
    expect(page).toContain(
      `| default | 500m × 35 % = 175m | ${Math.round(0.175 / perTransfer).toLocaleString('en')} |`,
    );
    expect(page).toContain(
      `| production | 1000m × 35 % = 350m | ${Math.round(0.35 / perTransfer).toLocaleString('en')} |`,
    );
  });

  it('with the production values requests as many pods based on CPU as based on transfers', () => {
    const { wanted, transfersTarget } = scaled(SECRETS.production, ['values-production.yaml']);
    expect(transfersTarget).toBe(5_000);
    for (const rate of [10_000, 20_000, 30_000, 40_000])
      expect(wanted(rate, 3)).toBe(desiredPods(3, rate / 3, transfersTarget));
  });

  it('scales down with the given delays', () => {
    const scaleDown = { stabilizationSeconds: 30, onePodPerSeconds: 15 };
    const { spec } = scaled({ ...SECRETS.default, autoscaling: { scaleDown } });
    expect(spec.behavior.scaleDown).toEqual({
      stabilizationWindowSeconds: 30,
      policies: [{ type: 'Pods', value: 1, periodSeconds: 15 }],
    });
  });
});

describe.skipIf(findTool('helm') === null)('A lost node', () => {
  const tolerationsOf = (values: object) => {
    const objects = render({ ...SECRETS.dev, ...values }, { files: ['values-dev.yaml'] });
    const pods = [...objects].filter(([, { spec }]) => spec?.template?.spec);
    return new Map(pods.map(([key, { spec }]) => [key, spec.template.spec.tolerations as Manifest[] | undefined]));
  };
  const own = (seconds: number) =>
    ['not-ready', 'unreachable'].map((condition) => ({
      key: `node.kubernetes.io/${condition}`,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: seconds,
    }));

  it('loses its pods after ten seconds, except for the stores, which must not run twice', () => {
    const tolerations = tolerationsOf({});
    for (const key of ['Deployment/holdfast-api', 'Deployment/holdfast-keeper', 'Job/holdfast-migration-1'])
      expect(tolerations.get(key), key).toEqual(own(10));
    for (const store of ['redis', 'mysql']) expect(tolerations.get(`StatefulSet/holdfast-${store}`)).toBeUndefined();
  });

  it('is tolerated for the time in the values, in addition to other tolerations', () => {
    const more = { key: 'dedicated', operator: 'Exists' };
    const tolerations = tolerationsOf({ nodeLoss: { tolerationSeconds: 60 }, keeper: { tolerations: [more] } });
    expect(tolerations.get('Deployment/holdfast-api')).toEqual(own(60));
    expect(tolerations.get('Deployment/holdfast-keeper')).toEqual([more, ...own(60)]);
    expect(tolerationsOf({ nodeLoss: { tolerationSeconds: 0 } }).get('Deployment/holdfast-api')).toBeUndefined();
  });

  it('does not keep pods from being replaced on another node: spread, budgets, anti-affinity', () => {
    const objects = render(SECRETS.production, { files: ['values-production.yaml'] });
    const { template } = objects.get('Deployment/holdfast-api')?.['spec'] ?? {};
    const spread: Manifest[] = template.spec.topologySpreadConstraints;
    expect(
      spread.map(({ topologyKey, maxSkew, nodeTaintsPolicy }) => [topologyKey, maxSkew, nodeTaintsPolicy]),
    ).toEqual([
      ['kubernetes.io/hostname', 1, 'Honor'],
      ['topology.kubernetes.io/zone', 1, 'Honor'],
    ]);
    for (const part of ['api', 'keeper']) {
      expect(objects.get(`PodDisruptionBudget/holdfast-${part}`)?.['spec']).toMatchObject({
        maxUnavailable: 1,
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
      });
      const { affinity } = objects.get(`Deployment/holdfast-${part}`)?.['spec'].template.spec ?? {};
      const terms = JSON.stringify(affinity.podAntiAffinity);
      expect(terms).toContain(`"app.kubernetes.io/component":"${part}"`);
    }
  });
});
