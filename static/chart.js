// The bars of people in and out by hour, and last week's line, drawn with uPlot. Without it the table below the chart is opened instead.
"use strict";

(() => {
  const holder = document.querySelector("[data-chart]");
  if (!holder) {
    return;
  }
  if (typeof uPlot === "undefined") {
    holder.hidden = true;
    document.querySelector("[data-chart-reading]").hidden = true;
    document.querySelector(".card details").open = true;
    return;
  }

  const reading = document.querySelector("[data-chart-reading]");
  const hint = reading.textContent;
  let hours = JSON.parse(holder.dataset.chart);
  let plot = null;

  function color(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function bars(label, fill, align) {
    return {
      label,
      fill,
      stroke: fill,
      width: 0,
      points: { show: false },
      paths: uPlot.paths.bars({ size: [0.36, 22], align, gap: 1, radius: 0.25 }),
    };
  }

  // The same day a week ago, for comparison.
  function line(label, stroke) {
    return { label, stroke, width: 2, dash: [5, 4], points: { show: true, size: 5, fill: stroke }, spanGaps: true };
  }

  function hasBefore() {
    return Boolean(hours.before && hours.before.length);
  }

  function tell(chart) {
    const index = chart.cursor.idx;
    if (index === null || index === undefined || hours.in[index] === null) {
      reading.textContent = hint;
      return;
    }
    const before = hasBefore() ? hours.before[index] : null;
    const words = before === null ? reading.dataset.now : reading.dataset.compared;
    const found = { hour: hours.labels[index], in: hours.in[index], out: hours.out[index], before };
    reading.textContent = words.replace(/\{(\w+)\}/g, (_all, name) => found[name]);
  }

  function options() {
    const grid = { stroke: color("--border"), width: 1 };
    const axis = { stroke: color("--muted"), font: "12px Inter, system-ui, sans-serif", ticks: { show: false } };
    return {
      width: holder.clientWidth,
      height: holder.clientHeight,
      legend: { show: false },
      padding: [8, 8, 0, 0],
      cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
      scales: {
        x: { time: false, range: () => [-0.5, hours.labels.length - 0.5] },
        y: { range: (_chart, _low, high) => [0, Math.max(5, Math.ceil(high * 1.12))] },
      },
      axes: [
        {
          ...axis,
          size: 28,
          grid: { show: false },
          splits: () => hours.labels.map((_label, index) => index).filter((index) => index % step() === 0),
          values: (_chart, splits) => splits.map((index) => hours.labels[index].slice(0, 2)),
        },
        { ...axis, grid, size: 42, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000] },
      ],
      series: [
        {},
        bars("In", color("--accent"), -1),
        bars("Out", color("--out"), 1),
        ...(hasBefore() ? [line("Before", color("--muted"))] : []),
      ],
      hooks: { setCursor: [tell] },
    };
  }

  function step() {
    return holder.clientWidth < 560 ? 4 : 2;
  }

  function data() {
    const x = hours.labels.map((_label, index) => index);
    return hasBefore() ? [x, hours.in, hours.out, hours.before] : [x, hours.in, hours.out];
  }

  function draw() {
    if (plot) {
      plot.destroy();
    }
    plot = new uPlot(options(), data(), holder);
  }

  draw();
  document.fonts.ready.then(draw);
  document.addEventListener("themechange", draw);
  document.addEventListener("numbers", (event) => {
    const had = hasBefore();
    hours = event.detail.hours;
    if (had === hasBefore()) {
      plot.setData(data());
    } else {
      draw();
    }
  });
  new ResizeObserver(() => {
    plot.setSize({ width: holder.clientWidth, height: holder.clientHeight });
  }).observe(holder);
})();
