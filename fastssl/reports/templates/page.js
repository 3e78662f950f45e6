// Shows the image of a map's point under the pointer, or the one that the arrow keys have chosen. The page reads well
// without it: every point has its name as a title.
(() => {
  const hover = document.getElementById("hover");
  const columns = Number(document.body.dataset.columns), tile = Number(document.body.dataset.tile);
  if (columns) for (const map of document.querySelectorAll("svg.map")) {
    const marks = [...map.querySelectorAll("use")];
    const places = marks.map((mark) => [Number(mark.getAttribute("x")), Number(mark.getAttribute("y"))]);
    const names = marks.map((mark) => mark.querySelector("title").textContent);
    let chosen = -1;
    marks.forEach((mark) => mark.querySelector("title").remove()); // the image says more, and both would overlap

    const show = (index) => {
      if (chosen >= 0) marks[chosen].classList.remove("chosen");
      chosen = index;
      hover.hidden = index < 0;
      if (index < 0) return;
      marks[index].classList.add("chosen");
      const scale = 96 / tile, image = hover.querySelector("i"), rows = Math.ceil(marks.length / columns);
      image.style.backgroundSize = `${columns * 96}px ${rows * 96}px`;
      image.style.backgroundPosition = `${-(index % columns) * tile * scale}px ${-Math.floor(index / columns) * tile * scale}px`;
      hover.querySelector("p").textContent = names[index];
      const box = marks[index].getBoundingClientRect(), own = hover.getBoundingClientRect();
      const left = box.right + 12 + own.width > innerWidth ? box.left - 12 - own.width : box.right + 12;
      hover.style.left = `${Math.max(4, Math.min(left, innerWidth - own.width - 4))}px`;
      hover.style.top = `${Math.max(4, Math.min(box.top - own.height / 2, innerHeight - own.height - 4))}px`;
    };

    const nearest = (event) => {
      const box = map.getBoundingClientRect(), unit = map.viewBox.baseVal.width / box.width;
      const x = (event.clientX - box.left) * unit, y = (event.clientY - box.top) * unit;
      let best = -1, closest = 20 * 20;
      places.forEach(([a, b], index) => {
        const distance = (a - x) ** 2 + (b - y) ** 2;
        if (distance < closest) [best, closest] = [index, distance];
      });
      return best;
    };

    // The nearest point in the direction of the key: straight ahead counts more than to the side.
    const beside = (dx, dy) => {
      if (chosen < 0) return 0;
      const [x, y] = places[chosen];
      let best = chosen, closest = Infinity;
      places.forEach(([a, b], index) => {
        const ahead = (a - x) * dx + (b - y) * dy, aside = Math.abs((a - x) * dy) + Math.abs((b - y) * dx);
        if (ahead > 0 && ahead + 2 * aside < closest) [best, closest] = [index, ahead + 2 * aside];
      });
      return best;
    };

    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    map.addEventListener("pointermove", (event) => show(nearest(event)));
    map.addEventListener("pointerdown", (event) => show(nearest(event)));
    map.addEventListener("pointerleave", () => show(-1));
    map.addEventListener("blur", () => show(-1));
    map.addEventListener("keydown", (event) => {
      if (event.key === "Escape") show(-1);
      if (!ways[event.key]) return;
      event.preventDefault();
      show(beside(...ways[event.key]));
    });
  }
  addEventListener("scroll", () => { hover.hidden = true; }, { passive: true });
  addEventListener("beforeprint", () => document.querySelectorAll("details.block").forEach((one) => { one.open = true; }));
})();
