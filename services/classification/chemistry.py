"""Names and formulas that say of what a material is, and that it holds no rare earth."""

import re

_MULTIPLES = (
    "mono|di|tri|tetra|penta|hexa|hepta|octa|nona|deca|undeca|dodeca|bis|tris|tetrakis|poly|oligo|"
    "per|hypo|sesqui|hemi"
)
_GROUPS = (
    "methyl|ethyl|propyl|butyl|pentyl|amyl|hexyl|heptyl|octyl|nonyl|decyl|dodecyl|lauryl|myristyl|"
    "cetyl|stearyl|oleyl|vinyl|allyl|phenyl|benzyl|tolyl|xylyl|naphthyl|acetyl|benzoyl|acryl|"
    "methacryl|carbonyl|formyl|glycidyl|tosyl|mesyl|trityl|silyl|siloxyl|stannyl|phosphoryl|sulfonyl|"
    "sulfuryl|thionyl|cyclo|iso|neo|tert|sec|ortho|meta|para|nor|homo|hydro|dehydro|deoxy|anhydro|"
    "chloro|bromo|iodo|fluoro|nitro|nitroso|amino|imino|hydroxy|methoxy|ethoxy|propoxy|butoxy|"
    "phenoxy|alkoxy|acetoxy|oxo|oxy|epoxy|peroxy|cyano|carboxy|carbo|sulfo|sulpho|thio|mercapto|"
    "azo|diazo|azido|hydrazino|phospho|boro|silico|organo|aceto|benzo|pyro|furo|indo|quino|imidazo|"
    "keto|glyco|gluco|lacto|ribo|sodio|lithio|sodium|potassium|lithium|magnesium|calcium|barium|"
    "strontium|zinc|tin|lead|copper|nickel|cobalt|iron|ferro|manganese|chromium|titanium|zirconium|"
    "vanadium|molybdenum|tungsten|aluminium|aluminum|gallium|indium|silver|mercury|bismuth|antimony|"
    "ammonium|phosphonium|sulfonium|pyridinium|imidazolium|choline|meth|eth|prop|but|pent|hex|hept|"
    "oct|non|dec|benz|phen|naphth|anthr|tolu|xyl|cumen|styr|pyrid|pyrrol|thiophen|furan|imidazol|"
    "pyrazol|oxazol|thiazol|triazol|tetrazol|quinolin|indol|purin|pyrimidin|pyrazin|piperid|piperaz|"
    "morpholin|aziridin|lactam|lacton|carb|form|acet|propion|butyr|valer|capro|capryl|laur|myrist|"
    "palmit|stear|ole|linole|succin|glutar|adip|sebac|male|fumar|malon|oxal|phthal|terephthal|"
    "salicyl|cinnam|benzo|citr|tartr|lact|gluco|ascorb|glycol|glycer|ur|guanid|hydraz|cyan|thiocyan|"
    "alumin|silic|bor|phosph|sulf|sulph|nitr|chlor|brom|iod|fluor|chrom|mangan|molybd|tungst|vanad|"
    "stann|plumb|zinc|ferr|cupr|titan|zircon|arsen|antimon|bismuth|seleni|tellur|tosyl|triflu"
)
_ENDS = (
    "ane|ene|yne|anol|enol|diol|triol|thiol|one|dione|anal|oic|ic|ate|ite|ide|ine|amine|amide|"
    "imide|imine|amido|imido|amino|oxide|oxime|nitrile|ether|ester|acid|aldehyde|ketone|ose|oside|azole|azine|idine|"
    "onium|ium|oxane|siloxane|silane|silazane|borane|borate|phosphine|phosphite|phosphate|sulfate|"
    "sulfite|sulfide|sulfone|sulfoxide|sulfonate|sulfonamide|sulfonic|sulfuric|carbonate|carboxylate|"
    "carboxylic|carbamate|cyanate|isocyanate|cyanide|nitrate|nitrite|nitride|azide|hydride|hydrazide|"
    "hydrazine|chloride|bromide|iodide|fluoride|acetate|acrylate|methacrylate|benzoate|phthalate|"
    "stearate|oleate|laurate|palmitate|citrate|tartrate|lactate|gluconate|oxalate|maleate|fumarate|"
    "succinate|adipate|salicylate|phenol|phenone|quinone|aniline|benzene|toluene|xylene|naphthalene|"
    "pyridine|furan|pyran|thiophene|pyrrole|indole|urea|thiourea|guanidine|glycol|glycerol|ethanol|"
    "methanol|propanol|butanol|hexane|heptane|octane|pentane|butane|propane|ethane|methane|ethylene|"
    "propylene|butadiene|styrene|anhydride|chlorohydrin|hydrin|lactone|lactam|(?<=yl)|(?<=yl)(?:magnesium|lithium|zinc|tin|aluminium|aluminum|sodium|potassium|boron|silicon|mercury)"
)
_SYSTEMATIC = re.compile(
    rf"(?:{_MULTIPLES})?(?:(?:{_GROUPS})(?:ane?|ene?|[oiya])?(?:{_MULTIPLES})?){{1,8}}(?:{_ENDS})"
)
_SYMBOLS = (
    "fe|ni|co|cu|al|si|mo|mn|cr|ti|nb|ta|zr|hf|sn|zn|mg|ag|au|pt|pd|li|na|ca|sr|ba|ga|ge|sb|bi|pb|"
    "cs|rb|in|cd|te|se|cl|br|f|s|n|p|i|k|w|b|c|o"
)
_AMOUNT = r"\d*(?:\.\d+)?%?"
_METAL = re.compile(r"[a-z]{2}")
_FREE_FORMULA = re.compile(
    rf"(?=.*\d)(?:(?:{_SYMBOLS}){_AMOUNT}){{2,9}}(?:[/+](?:(?:{_SYMBOLS}){_AMOUNT}){{1,9}}){{0,9}}"
    rf"|(?=.*\d)(?:{_SYMBOLS}){_AMOUNT}(?:[/+](?:{_SYMBOLS}){_AMOUNT}){{1,9}}"
)
_BEFORE = "[一二三四五六七八九十]水|无水|碱式|偏|亚|次|过|高|重|焦|正|聚合"
_SALTS = (
    "硝酸|硫酸|盐酸|磷酸|碳酸|醋酸|乙酸|草酸|柠檬酸|硅酸|硼酸|铝酸|钛酸|锆酸|钨酸|钼酸|钒酸|铬酸|锰酸|氯酸|"
    "溴酸|碘酸|甲酸|丙酸|丁酸|硬脂酸|油酸|酒石酸|乳酸|苯甲酸|葡萄糖酸|氟硅酸|氟硼酸|氯化|氟化|溴化|碘化|硫化|"
    "氢氧化|氧化|氮化|碳化|硼化|硅化|磷化|氰化|碳酸氢|硫酸氢|磷酸氢|磷酸二氢|氨基磺酸|苯磺酸|钛酸"
)
_FREE = "锂钠钾铷铯铍镁钙锶钡铝镓铟铊锡铅铋锑锌镉汞铜银金铁钴镍锰铬钒钛铌钽钨钼硅硼碳磷砷硒碲铵氢氨"
CHINESE = re.compile(
    rf"(?:{_BEFORE})*(?:[一二三四五六七八]?(?:{_SALTS}))+[一二三四五六七八]?"
    rf"(?:[{_FREE}]+(?![镧铈镨钕钷钐铕钆铽镝钬铒铥镱镥钇钪锆])|"
    r"(?:[甲乙丙丁戊己庚辛壬癸]|异|叔|苯|苄|乙烯|丙烯)+(?:酯|胺|醇|酐))"
)
"""A salt, oxide or ester of free elements by its Chinese name: 六水硝酸锌, 磷酸三乙酯."""
_SHORT, _LONG = 8, 40
"""Shorter names are too like words and trade names; longer ones are no names."""


def systematic(token: str) -> bool:
    """Whether a folded token is a chemical name by the rules, or a formula, of free elements."""
    if len(token) > _LONG:
        return False
    if any(char.isdigit() for char in token):
        return _METAL.match(token) is not None and _FREE_FORMULA.fullmatch(token) is not None
    return len(token) >= _SHORT and _SYSTEMATIC.fullmatch(token) is not None
