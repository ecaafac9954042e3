// The bars of people in and out by hour, drawn with uPlot. Without it the table below the chart is opened instead.
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

  function tell(chart) {
    const index = chart.cursor.idx;
    if (index === null || index === undefined || hours.in[index] === null) {
      reading.textContent = hint;
      return;
    }
    reading.textContent = `${hours.labels[index]}: ${hours.in[index]} in, ${hours.out[index]} out`;
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
      series: [{}, bars("In", color("--accent"), -1), bars("Out", color("--out"), 1)],
      hooks: { setCursor: [tell] },
    };
  }

  function step() {
    return holder.clientWidth < 560 ? 4 : 2;
  }

  function data() {
    return [hours.labels.map((_label, index) => index), hours.in, hours.out];
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
    hours = event.detail.hours;
    plot.setData(data());
  });
  new ResizeObserver(() => {
    plot.setSize({ width: holder.clientWidth, height: holder.clientHeight });
  }).observe(holder);
})();
