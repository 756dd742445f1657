"""Goods to order, each with the outcome it was chosen for.

The expectation is the author's, stated here beside the words, not what our classification says.
"""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["free", "licensed", "vague", "overlap"]


@dataclass(frozen=True, slots=True)
class Good:
    """One article. `category` is that of the reported rule; `price` is in CNY a unit.

    `codes` are what its product record says beyond "no list": nothing of China where that rule
    names the goods without a code.
    """

    kind: Kind
    description: str
    hs_code: str | None
    unit: str
    price: int
    category: int | None = None
    codes: tuple[tuple[str, str], ...] = ()


LICENSED: Final = (
    Good("licensed", "Neodymium oxide 99.9 %, powder", "2846901300", "kg", 480, 1),
    Good("licensed", "Dysprosium oxide 99.99 %, powder", "2846901500", "kg", 1_900, 1,
         (("CN", "1C905.b"),)),
    Good("licensed", "氧化铽 99.99% 粉末", "2846901600", "kg", 6_200, 1, (("CN", "1C904.b"),)),
    Good("licensed", "Terbium metal 99.9 %", "2805301300", "kg", 8_900, 1,
         (("CN", "1C904.a.1"),)),
    Good("licensed", "Bastnaesite concentrate, 65 % REO", "2530902000", "t", 21_000, 1),
    Good("licensed", "镨钕氧化物 99%", "2846901900", "kg", 460, 1),
    Good("licensed", "Europium oxide 99.99 %, phosphor grade powder", "2846901400", "kg", 230, 1,
         (("CN", "1C912.b"),)),
    Good("licensed", "Neodymium metal powder 99.5 %", "2805301100", "kg", 620, 1),
    Good("licensed", "Monazite concentrate, 60 % REO", "2612200000", "t", 36_000, 1),
    Good("licensed", "Sintered NdFeB magnet blocks N42SH, Dy 2.1 %", "8505111000", "kg", 410, 2),
    Good("licensed", "钕铁硼永磁体 N38UH 含镝 未装配", "8505111000", "kg", 520, 2),
    Good("licensed", "Sintered NdFeB ring magnets N35, zinc coated", "8505111000", "kg", 330, 2),
    Good("licensed", "Samarium cobalt magnets Sm2Co17, discs", "8505111000", "kg", 690, 2),
    Good("licensed", "Dysprosium-iron alloy (DyFe80)", "7202999100", "kg", 1_700, 2),
    Good(
        "licensed", "Praseodymium-neodymium metal alloy, PrNd 25/75, ingots", "2805302900",
        "kg", 560, 2,
    ),
    Good("licensed", "离心萃取机 稀土分离用", "84798999", "台", 380_000, 3, (("CN", "2B902"),)),
    Good(
        "licensed", "Rare earth solvent extraction mixer-settler line, 60 stages", "8479820000",
        "台", 2_900_000, 3, (("CN", "2B902"),),
    ),
    Good("licensed", "稀土萃取分离过程自动化控制软件", None, "seats", 58_000, 4,
         (("CN", "1D902"),)),
    Good("licensed", "AI visual quality-control model for NdFeB sintering line", None, "seats",
         24_000, 4),
)  # fmt: skip
FREE: Final = (
    Good("free", "Headphones, over-ear, neodymium driver", "851830", "pcs", 190),
    Good("free", "铁氧体磁瓦 电机用", "8505190090", "t", 9_800),
    Good("free", "荧光灯管 T8 36W", "853931", "支", 11),
    Good("free", "Laboratory benchtop centrifuge, 15 000 rpm, 24 x 2 ml", "842119", "pcs", 7_400),
    Good("free", "Cotton T-shirts, men's, knitted", "610910", "pcs", 24),
    Good("free", "Stainless steel hex bolts M8 x 40", "731815", "kg", 31),
    Good("free", "LED desk lamp 10 W, dimmable", "940521", "pcs", 85),
    Good("free", "Ceramic coffee mugs 350 ml", "691200", "pcs", 9),
    Good("free", "Bicycle helmet, adult", "650610", "pcs", 120),
    Good("free", "Office chair with armrests, height adjustable", "940139", "pcs", 420),
    Good("free", "Wooden kitchen table, oak", "940360", "pcs", 1_150),
    Good("free", "Children's picture books, printed", "490300", "pcs", 18),
    Good("free", "Brushless DC motor 48 V 750 W for e-bikes", "850131", "pcs", 640),
    Good("free", "无刷直流电机 24V 100W", "850131", "台", 210),
    Good("free", "Loudspeaker, 8 inch woofer, ferrite magnet", "851829", "pcs", 95),
    Good("free", "Ferrite ring magnets Y30, 72 x 32 x 10 mm", "8505190090", "pcs", 4),
    Good("free", "Deep groove ball bearings 6204-2RS", "848210", "pcs", 14),
    Good("free", "CNC-milled aluminium bracket for conveyor frame, 6061-T6", "761699", "pcs", 88),
    Good("free", "Helical gear for conveyor gearbox, 42CrMo4, 36 teeth", "848340", "pcs", 410),
    Good("free", "Hydraulic cylinder, bore 63 mm, stroke 400 mm", "841221", "pcs", 1_300),
    Good("free", "蓝牙音箱 便携式", "851822", "台", 130),
    Good("free", "不锈钢保温杯 500ml", "961700", "个", 36),
    Good("free", "Diesel generator set 30 kVA", "850211", "pcs", 41_000),
    Good("free", "Corrugated cardboard boxes 40 x 30 x 20 cm", "481910", "pcs", 3),
    Good(
        "free",
        "Accounting software for small businesses, annual subscription",
        None,
        "seats",
        900,
    ),
)
VAGUE: Final = (
    Good("vague", "Parts as per invoice", None, "pcs", 100),
    Good("vague", "Samples", None, "pcs", 10),
    Good("vague", "metal powder", None, "kg", 300),
    Good("vague", "Goods", None, "set", 1_000),
)
OVERLAP: Final = (
    Good(
        "overlap", "Terfenol-D magnetostrictive rod (Tb0.3Dy0.7Fe1.92), 10 x 50 mm",
        "3824999922", "kg", 26_000, 2, (("US", "1C003.b.1"), ("EU", "1C003.b.1")),
    ),
    Good(
        "overlap", "PTFE-lined leaching reactor, 5 m3, for rare-earth hydrometallurgy",
        "8479820010", "units", 640_000, 3, (("US", "2B350.a"), ("EU", "2B350.a")),
    ),
)  # fmt: skip
CATALOGUE: Final = {
    f"{good.kind[0].upper()}-{number:03d}": good
    for goods in (FREE, LICENSED, OVERLAP)
    for number, good in enumerate(goods, start=1)
}
"""By SKU, what officers have on record. Vague goods are on none: nobody knows what they are."""
COVERED: Final = ("DE", "JP", "US", "KR", "FR", "IT", "GB", "TH")
"""Destinations that the generated licenses name."""
UNCOVERED: Final = ("VN", "BR", "MX", "MY")
CUSTOMERS: Final = {
    "DE": ("Rheintal Antriebe GmbH", "Nordhafen Elektro AG"),
    "JP": ("Mizuho Seimitsu KK", "Tokai Motor Parts Co., Ltd."),
    "US": ("Prairie Motion Inc.", "Harbor Audio LLC"),
    "KR": ("Hangang Display Co., Ltd.",),
    "FR": ("Ateliers du Rhône SA",),
    "IT": ("Officine Lambro SpA",),
    "GB": ("Severn Drives Ltd",),
    "TH": ("Chao Phraya Components Co., Ltd.",),
    "VN": ("Song Hong Separation JSC",),
    "BR": ("Serra Azul Mineração Ltda",),
    "MX": ("Motores del Bajío SA de CV",),
    "MY": ("Kuantan Advanced Materials Sdn Bhd",),
}
"""Invented companies: none of them is meant to exist."""
