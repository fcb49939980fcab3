import {
  BarController,
  BarElement,
  CategoryScale,
  Chart,
  Legend,
  LinearScale,
  LineController,
  LineElement,
  PointElement,
  Tooltip,
} from "chart.js";

Chart.register(BarController, BarElement, CategoryScale, Legend, LinearScale, LineController, LineElement, PointElement, Tooltip);

/** What the server writes beside a canvas (internal/console/data.go). */
interface Drawing {
  kind: "line" | "bar";
  labels: string[];
  series: { name: string; values: (number | null)[] }[];
  stacked: boolean;
  most: number;
}

const dark = matchMedia("(prefers-color-scheme: dark)");

/** Colours that are told apart by most eyes; outcomes have their own. */
function colour(name: string, index: number): string {
  const outcomes: Record<string, [string, string]> = {
    live: ["#17703a", "#6bd394"],
    attack: ["#a4271b", "#ff9a8d"],
    undecided: ["#b07300", "#f0c36d"],
  };
  const others: [string, string][] = [
    ["#0b5cad", "#6cb2ff"],
    ["#b3521e", "#f4a26b"],
    ["#6b4fa0", "#b9a2ec"],
    ["#17707a", "#6fd0d8"],
  ];
  const [light, night] = outcomes[name] ?? others[index % others.length] ?? ["#55606b", "#aab4bf"];
  return dark.matches ? night : light;
}

function draw(canvas: HTMLCanvasElement): Chart {
  const drawing = JSON.parse(canvas.dataset["chart"] ?? "{}") as Drawing;
  const ink = dark.matches ? "#aab4bf" : "#55606b";
  const line = dark.matches ? "#39434d" : "#cfd6dd";
  return new Chart(canvas, {
    type: drawing.kind,
    data: {
      labels: drawing.labels.map((label) => label.replaceAll("_", " ")),
      datasets: drawing.series.map(({ name, values }, index) => ({
        label: name,
        data: values,
        backgroundColor: colour(name, index),
        borderColor: colour(name, index),
        pointRadius: 3,
        maxBarThickness: 40,
      })),
    },
    options: {
      animation: false,
      responsive: true,
      maintainAspectRatio: false,
      interaction: { mode: "index", intersect: false },
      plugins: { legend: { display: drawing.series.length > 1 || drawing.kind === "line", labels: { color: ink } } },
      scales: {
        x: { stacked: drawing.stacked, ticks: { color: ink, maxRotation: 60 }, grid: { display: false }, border: { color: line } },
        y: {
          stacked: drawing.stacked,
          beginAtZero: true,
          ...(drawing.most > 0 && { max: drawing.most }),
          ticks: { color: ink, ...(drawing.most === 0 && { precision: 0 }) },
          grid: { color: line },
          border: { color: line },
        },
      },
    },
  });
}

const canvases = [...document.querySelectorAll<HTMLCanvasElement>("canvas[data-chart]")];
let charts = canvases.map(draw);
dark.addEventListener("change", () => {
  charts.forEach((chart) => chart.destroy());
  charts = canvases.map(draw);
});
