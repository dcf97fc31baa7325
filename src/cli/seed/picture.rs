//! Pictures for products that nobody photographed.

/// Pictures of one product.
pub(super) const VIEWS: usize = 2;

/// A square picture: a glyph on two colours that follow from the product's name. Nothing in it is loaded or run.
pub(super) fn draw(slug: &str, title: &str, glyph: &str, view: usize) -> String {
    let sum: usize = slug.bytes().map(usize::from).sum();
    let hue = (sum * 37 + view * 24) % 360;
    let (x, y) = (160 + (sum * 13 + view * 140) % 300, 150 + (sum * 7 + view * 90) % 260);
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 600" width="600" height="600">
<defs><linearGradient id="g" x1="0" y1="0" x2="1" y2="1">
<stop offset="0" stop-color="hsl({hue},38%,88%)"/><stop offset="1" stop-color="hsl({next},42%,68%)"/>
</linearGradient></defs>
<rect width="600" height="600" fill="url(#g)"/>
<circle cx="{x}" cy="{y}" r="170" fill="#fff" fill-opacity=".35"/>
<g font-family="Songti SC,Noto Serif CJK SC,SimSun,serif" text-anchor="middle" fill="hsl({hue},35%,24%)">
<text x="300" y="360" font-size="220">{glyph}</text>
<text x="300" y="520" font-size="44" letter-spacing="8">{title}</text>
</g></svg>
"##,
        next = (hue + 40) % 360,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_small_harmless_and_the_products_own() {
        let (one, two) = (draw("puer", "普洱", "茶", 0), draw("puer", "普洱", "茶", 1));
        assert_ne!(one, two);
        assert_eq!(one, draw("puer", "普洱", "茶", 0));
        assert!(one.len() < 2000 && one.contains(">普洱<") && !one.contains("script") && !one.contains("href"));
        assert_eq!(one.matches('<').count(), one.matches('>').count());
    }
}
