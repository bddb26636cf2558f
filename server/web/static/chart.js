// The chart of one vital. The table beside it tells the same, so this is for eyes only.
"use strict";
(() => {
  const box = document.querySelector("#chart");
  if (!box || !window.uPlot) return;
  const INK = "#1d2b33", GRID = "#e3e8ea", HIGH = "rgba(176, 32, 37, 0.10)", MEDIUM = "rgba(178, 106, 0, 0.10)";
  const SIGNS = { above: ">", at_or_above: "≥", below: "<", at_or_below: "≤" };
  const LINES = {
    blood_pressure: [["systolic_mmhg", "Systolic", "#0b5563"], ["diastolic_mmhg", "Diastolic", "#7a4d9f"]],
    glucose: [["glucose_mgdl", "Glucose", "#0b5563"]],
    weight: [["weight_kg", "Weight", "#0b5563"]],
    spo2: [["spo2_pct", "Oxygen saturation", "#0b5563"]],
    pulse: [["pulse_bpm", "Pulse", "#0b5563"]],
    temperature: [["temperature_c", "Temperature", "#0b5563"]],
  };
  const lines = LINES[box.dataset.kind];
  if (!lines) return;
  let plot = null;

  const isAbove = (limit) => limit.side === "above" || limit.side === "at_or_above";

  function inside(u, paint) {
    const { left, top, width, height } = u.bbox;
    u.ctx.save();
    u.ctx.beginPath();
    u.ctx.rect(left, top, width, height);
    u.ctx.clip();
    paint(u.ctx, left, top, width, height);
    u.ctx.restore();
  }

  function shade(u, limits) {
    inside(u, (ctx, left, top, width, height) => {
      for (const limit of limits) {
        // In blood pressure two lines share the axis: below a systolic limit is where diastolic values belong.
        if (limit.metric === "diastolic_mmhg" || (lines.length === 2 && !isAbove(limit))) continue;
        const y = u.valToPos(limit.value, "y", true);
        ctx.fillStyle = limit.severity === "high" ? HIGH : MEDIUM;
        if (isAbove(limit)) ctx.fillRect(left, top, width, Math.max(0, y - top));
        else ctx.fillRect(left, y, width, Math.max(0, top + height - y));
      }
    });
  }

  function mark(u, limits) {
    inside(u, (ctx, left, top, width) => {
      ctx.font = `bold ${11 * devicePixelRatio}px sans-serif`;
      ctx.textAlign = "left";
      for (const limit of limits) {
        const y = u.valToPos(limit.value, "y", true);
        const line = lines.find(([metric]) => metric === limit.metric);
        ctx.strokeStyle = ctx.fillStyle = line ? line[2] : INK;
        ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
        ctx.lineWidth = devicePixelRatio;
        ctx.beginPath();
        ctx.moveTo(left, y);
        ctx.lineTo(left + width, y);
        ctx.stroke();
        ctx.setLineDash([]);
        const words = `${SIGNS[limit.side]}${limit.value} ${lines.length === 2 ? line[1].toLowerCase() : ""}`;
        const x = left + 4 * devicePixelRatio, base = y + (isAbove(limit) ? -4 : 12) * devicePixelRatio;
        ctx.strokeStyle = "#fff";
        ctx.lineWidth = 3 * devicePixelRatio;
        ctx.strokeText(words, x, base);
        ctx.fillText(words, x, base);
      }
    });
  }

  function beyond(u, readings) {
    u.ctx.save();
    u.ctx.fillStyle = "#b02025";
    u.ctx.font = `bold ${12 * devicePixelRatio}px sans-serif`;
    for (const reading of readings.filter((one) => one.out_of_range)) {
      const high = reading.out_of_range === "above";
      const y = high ? u.bbox.top + 14 * devicePixelRatio : u.bbox.top + u.bbox.height - 4 * devicePixelRatio;
      u.ctx.fillText(high ? "HI" : "LO", u.valToPos(Date.parse(reading.measured_at) / 1000, "x", true), y);
    }
    u.ctx.restore();
  }

  function range(limits, readings) {
    const values = readings.flatMap((one) => lines.map(([metric]) => Number(one[metric] ?? NaN)));
    const near = [...values.filter(Number.isFinite), ...limits.map((one) => one.value)];
    const low = Math.min(...near), high = Math.max(...near), room = Math.max((high - low) * 0.08, 1);
    return [low - room, high + room];
  }

  function draw(found) {
    const readings = found.readings.slice().reverse();
    const limits = found.limits.filter((one) => lines.some(([metric]) => metric === one.metric));
    const number = (value) => (value === undefined || value === null ? null : Number(value));
    const data = [readings.map((one) => Date.parse(one.measured_at) / 1000)];
    for (const [metric] of lines) data.push(readings.map((one) => number(one[metric])));
    const now = Date.now() / 1000, unit = box.dataset.unit;
    if (plot) plot.destroy();
    plot = new uPlot({
      width: box.clientWidth, height: Math.max(220, Math.min(340, box.clientWidth * 0.45)),
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), box.dataset.zone),
      scales: { x: { range: [now - Number(box.dataset.days) * 86400, now + 3600] }, y: { range: readings.length ? range(limits, readings) : [0, 100] } },
      axes: [
        { stroke: INK, grid: { stroke: GRID } },
        { stroke: INK, grid: { stroke: GRID }, size: 52 },
      ],
      bands: lines.length === 2 ? [{ series: [1, 2], fill: "rgba(11, 85, 99, 0.08)" }] : [],
      series: [
        { value: "{MMM} {D}, {HH}:{mm}" },
        ...lines.map(([, label, colour], index) => ({
          label, stroke: colour, width: 1.5, dash: index ? [5, 4] : undefined, points: { show: true, size: 5 },
          value: (_, value) => (value === null ? "–" : `${value} ${unit}`),
        })),
      ],
      hooks: { drawClear: [(u) => shade(u, limits)], draw: [(u) => { mark(u, limits); beyond(u, readings); }] },
    }, data, box);
  }

  async function load() {
    const answer = await fetch(box.dataset.source, { headers: { Accept: "application/json" } });
    if (answer.ok) draw(await answer.json());
  }

  new ResizeObserver(() => { if (plot && Math.abs(plot.width - box.clientWidth) > 4) plot.setSize({ width: box.clientWidth, height: plot.height }); }).observe(box);
  document.addEventListener("htmx:afterSwap", (event) => { if (event.detail.target.id === "readings") load(); });
  load();
})();
