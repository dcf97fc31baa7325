//! What the demo shop sells.

/// A product.
pub(super) struct Goods {
    /// Names its pictures; unique.
    pub(super) slug: &'static str,
    /// Unique: a product of this title is not put in again.
    pub(super) title: &'static str,
    pub(super) subtitle: &'static str,
    pub(super) detail: &'static str,
    /// Name, price in fen, pieces.
    pub(super) skus: &'static [(&'static str, i64, i64)],
}

/// Name, the glyph on its pictures, and its products.
pub(super) const SHELVES: &[(&str, &str, &[Goods])] =
    &[("茶叶", "茶", TEA), ("茶具", "壶", WARE), ("点心", "点", SWEETS), ("节礼", "礼", GIFTS)];

const TEA: &[Goods] = &[
    Goods {
        slug: "longjing",
        title: "明前龙井",
        subtitle: "清明前手采，豆香清甜",
        detail: "一芽一叶，铁锅手炒。八十度水，玻璃杯，三泡仍有余甘。",
        skus: &[("50 克", 12_800, 2_000), ("100 克", 23_800, 1_500), ("250 克", 56_800, 600)],
    },
    Goods {
        slug: "tieguanyin",
        title: "清香铁观音",
        subtitle: "兰花香，七泡有余香",
        detail: "轻发酵乌龙，真空小袋装，一袋一泡，沸水高冲。",
        skus: &[("10 泡", 6_800, 3_000), ("30 泡", 17_800, 1_500)],
    },
    Goods {
        slug: "puer",
        title: "陈年熟普小饼",
        subtitle: "红浓透亮，暖胃不涩",
        detail: "每饼一百克，仓储八年。先醒一道，再慢慢喝。",
        skus: &[("一饼", 8_900, 2_400), ("五饼一提", 39_900, 500)],
    },
    Goods {
        slug: "jasmine",
        title: "茉莉银针",
        subtitle: "七窨一提，花香入骨",
        detail: "当季伏花窨制七遍，只闻花香不见花。",
        skus: &[("罐装 75 克", 9_800, 1_800)],
    },
];

const WARE: &[Goods] = &[
    Goods {
        slug: "gaiwan",
        title: "白瓷盖碗",
        subtitle: "一百二十毫升，不烫手",
        detail: "敞口厚沿，出水利落，新手也拿得稳。",
        skus: &[("素白", 5_900, 900), ("青花", 8_900, 600)],
    },
    Goods {
        slug: "cups",
        title: "旅行茶具套装",
        subtitle: "一壶四杯，收进一只包",
        detail: "粗陶便携壶配四只品茗杯，附减震收纳包。",
        skus: &[("墨色", 15_900, 700), ("米色", 15_900, 700)],
    },
    Goods {
        slug: "tray",
        title: "竹制小茶盘",
        subtitle: "干湿两用，一尺见方",
        detail: "整竹压制，抽屉接水，擦干即可收起。",
        skus: &[("", 12_900, 500)],
    },
];

const SWEETS: &[Goods] = &[
    Goods {
        slug: "osmanthus",
        title: "桂花糕",
        subtitle: "糯而不粘，现做现发",
        detail: "当年金桂与糯米粉，低糖。收到后请三日内食用。",
        skus: &[("6 块", 2_900, 4_000), ("12 块", 5_200, 2_000)],
    },
    Goods {
        slug: "walnut",
        title: "椒盐核桃酥",
        subtitle: "一口掉渣，咸甜刚好",
        detail: "大块核桃仁，植物油起酥，独立小包。",
        skus: &[("原味 300 克", 3_600, 3_000), ("黑芝麻 300 克", 3_900, 3_000)],
    },
    Goods {
        slug: "mungbean",
        title: "冰绿豆糕",
        subtitle: "去皮绿豆，入口即化",
        detail: "冷链发货，冷藏后口感更佳。",
        skus: &[("9 块", 3_200, 2_500)],
    },
];

const GIFTS: &[Goods] = &[
    Goods {
        slug: "autumn",
        title: "中秋茶点礼盒",
        subtitle: "两茶四点，一盒团圆",
        detail: "龙井与茉莉各一罐，配四样点心，可写贺卡。",
        skus: &[("标准", 26_800, 800), ("典藏", 46_800, 300)],
    },
    Goods {
        slug: "newyear",
        title: "新春红茶礼盒",
        subtitle: "金芽红茶，暖意满杯",
        detail: "两罐正山小种，附一对红釉杯。",
        skus: &[("", 32_800, 600)],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_product_can_be_entered_once_and_found_again() {
        let goods = || SHELVES.iter().flat_map(|(.., goods)| goods.iter());
        assert_eq!((SHELVES.len(), goods().count()), (4, 12));
        assert_eq!(goods().map(|item| item.title).collect::<HashSet<_>>().len(), 12);
        assert_eq!(goods().map(|item| item.slug).collect::<HashSet<_>>().len(), 12);
        for item in goods() {
            assert!(item.title.chars().count() <= 60 && !item.skus.is_empty(), "{}", item.title);
            assert!(item.skus.iter().all(|(_, price, pieces)| *price > 1 && *pieces > 1), "{}", item.title);
            assert!(item.skus.len() == 1 || item.skus.iter().all(|(name, ..)| !name.is_empty()), "{}", item.title);
        }
    }
}
