import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';

interface Series {
  label: string;
  values: readonly (number | null)[];
}

const HEIGHT_PX = 180;
/** The names of the colors in style.css. */
const COLORS = ['--series-1', '--series-2', '--series-3'];

const colorOf = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/**
 * A chart over time. It is a picture for those who see it: the latest values are also in the text of its page.
 * @param seconds since 1970, one for each value
 */
export function Chart({
  label,
  seconds,
  series,
}: {
  label: string;
  seconds: readonly number[];
  series: readonly Series[];
}) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  // The chart is created again when the colors change, with what it shows by then.
  const latest = useRef(() => dataOf(seconds, series));
  latest.current = () => dataOf(seconds, series);
  const names = series.map((one) => one.label).join();
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const create = () => {
      plot.current?.destroy();
      const axis = {
        stroke: colorOf('--text'),
        grid: { stroke: colorOf('--line') },
        ticks: { stroke: colorOf('--line') },
      };
      const options: uPlot.Options = {
        width: Math.max(200, element.clientWidth),
        height: HEIGHT_PX,
        cursor: { show: false },
        legend: { show: false },
        axes: [axis, { ...axis, size: 60 }],
        scales: { y: { range: (_, _min, max) => [0, Math.max(1, max * 1.1)] } },
        series: [
          {},
          ...series.map((one, index) => ({
            label: one.label,
            stroke: colorOf(COLORS[index] ?? '--text'),
            width: 2,
            points: { show: false },
          })),
        ],
      };
      plot.current = new uPlot(options, latest.current(), element);
    };
    create();
    const resized = new ResizeObserver(() =>
      plot.current?.setSize({ width: Math.max(200, element.clientWidth), height: HEIGHT_PX }),
    );
    resized.observe(element);
    dark.addEventListener('change', create);
    return () => {
      resized.disconnect();
      dark.removeEventListener('change', create);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [names]);
  useEffect(() => plot.current?.setData(dataOf(seconds, series)), [seconds]);
  return (
    <figure class="chart">
      <figcaption>
        {series.map((one, index) => (
          <span key={one.label}>
            <i class={`swatch series-${index + 1}`} aria-hidden="true" />
            {one.label}
          </span>
        ))}
      </figcaption>
      <div ref={place} role="img" aria-label={label} />
    </figure>
  );
}

const dataOf = (seconds: readonly number[], series: readonly Series[]): uPlot.AlignedData => [
  [...seconds],
  ...series.map(({ values }) => [...values]),
];
