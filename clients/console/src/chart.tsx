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

/** Rates are lines on a scale from zero. Balances are steps on a scale from lowest to highest, with times in UTC. */
type Shape = 'lines' | 'steps';

/** Shows times like the tables do. uPlot's own templates use a.m. and p.m., and have the month first. */
const fmtDate = (template: string) =>
  uPlot.fmtDate(
    template
      .replace('{h}{aa}', '{HH}:00')
      .replace('{h}:{mm}{aa}', '{HH}:{mm}')
      .replace('{M}/{D}/{YY}', '{YYYY}-{MM}-{DD}')
      .replace('{M}/{D}', '{MM}-{DD}'),
  );

const MINUTE_S = 60;
const around = (seconds: number): [number, number] => [seconds - MINUTE_S, seconds + MINUTE_S];
const AXIS_PX = 60;
const DIGIT_PX = 8;
/** The width of the axis: amounts are longer than rates. */
const axisOf = (labels: readonly string[] | null): number =>
  Math.max(AXIS_PX, ...(labels ?? []).map((label) => label.length * DIGIT_PX + 20));

function optionsOf(shape: Shape): Pick<uPlot.Options, 'scales' | 'tzDate'> & { line: Partial<uPlot.Series> } {
  const line = { width: 2, points: { show: false } };
  if (shape === 'lines') return { scales: { y: { range: (_, _min, max) => [0, Math.max(1, max * 1.1)] } }, line };
  const paths = uPlot.paths.stepped?.({ align: 1 });
  return {
    // uPlot would draw a single posting at the left edge of a range of 1,000 days.
    scales: {
      x: { range: ({ data: [times] }, min, max) => (times.length > 1 && min < max ? [min, max] : around(min)) },
    },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
    // If there are only a few points, uPlot also draws them as dots: a single one has no line.
    line: { width: 2, ...(paths && { paths }) },
  };
}

/**
 * A chart over time. It is only an image: the latest values are also in the text of the page, for screen readers.
 * @param seconds since 1970, one for each value
 */
export function Chart({
  label,
  seconds,
  series,
  shape = 'lines',
}: {
  label: string;
  seconds: readonly number[];
  series: readonly Series[];
  shape?: Shape;
}) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  // When the colors change, the chart is created again with its latest data.
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
      const { line, ...drawn } = optionsOf(shape);
      const options: uPlot.Options = {
        ...drawn,
        fmtDate,
        width: Math.max(200, element.clientWidth),
        height: HEIGHT_PX,
        cursor: { show: false },
        legend: { show: false },
        axes: [axis, { ...axis, size: (_, labels) => axisOf(labels) }],
        series: [
          {},
          ...series.map((one, index) => ({
            label: one.label,
            stroke: colorOf(COLORS[index] ?? '--text'),
            ...line,
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
