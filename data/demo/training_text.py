"""Question and answer pairs of the ten kinds of the demo tasks, made by templates of our own from the words in words.py.

Each function makes one pair from a random source. Some answers follow from the question (a sum, a weekday, a name in a
sentence) and some are free (an idea, a story): the first kind shows what quantization breaks, the second how it drifts.
"""

import calendar
import datetime
from collections.abc import Callable, Iterator
from random import Random

import words as w

Pair = tuple[str, str]


def pairs(seed: int, excluded: frozenset[str]) -> Iterator[Pair]:
    """Endless pairs of question and answer; none has a question in `excluded`."""
    rng = Random(seed)
    makers, weights = zip(*TEMPLATES, strict=True)
    while True:
        pair = rng.choices(makers, weights)[0](rng)
        if pair[0] not in excluded:
            yield pair


def _numbered(lines: list[str]) -> str:
    return "\n".join(f"{i}. {line}" for i, line in enumerate(lines, 1))


def idea_activities(r: Random) -> Pair:
    place, companion, n = r.choice(list(w.ACTIVITIES)), r.choice(list(w.COMPANIONS)), r.randint(3, 5)
    asked = r.choice(["挙げてください", "考えてください"])
    found = _numbered(r.sample(w.ACTIVITIES[place], n))
    return f"{place}で{companion}と楽しめることを{n}つ{asked}。", f"{found}\n{w.COMPANIONS[companion]}"


def idea_uses(r: Random) -> Pair:
    thing, n = r.choice(list(w.USES)), r.randint(2, 5)
    return f"{thing}の新しい使い道を{n}つ考えてください。", _numbered(r.sample(w.USES[thing], n))


def idea_shop_names(r: Random) -> Pair:
    shop, n = r.choice(list(w.SHOPS)), r.randint(2, 5)
    town = r.choice(w.TOWNS)
    names = [first + w.SHOPS[shop] for first in r.sample(w.SHOP_FIRST, n)]
    return f"{town}に開く{shop}の名前の案を{n}つ出してください。", _numbered(names)


def story_find(r: Random) -> Pair:
    animal, name, place = r.choice(list(w.ANIMALS)), r.choice(w.NAMES), r.choice(list(w.STORY_PLACES))
    find, mood = r.choice(list(w.FINDS)), r.choice(list(w.STORY_ENDS))
    action, result = w.FINDS[find]
    question = f"{animal}の{name}が{place}で{find}を見つける、{mood}物語を書いてください。"
    return question, (
        f"ある{r.choice(w.SEASONS)}の日、{animal}の{name}は{w.ANIMALS[animal]}{place}へ出かけました。"
        f"{w.STORY_PLACES[place]}。そこに{find}が落ちていました。{name}が{action}、{result}。{w.STORY_ENDS[mood]}"
    )


def story_worker(r: Random) -> Pair:
    worker, town, mood = r.choice(list(w.WORKERS)), r.choice(w.TOWNS), r.choice(list(w.STORY_ENDS))
    habit, thing = w.WORKERS[worker]
    return f"{town}の{worker}が主人公の、{mood}短い話を書いてください。", (
        f"{town}に、{habit}{worker}がいました。ある{r.choice(w.SEASONS)}の夜、見つけたのは{thing}でした。"
        f"{w.STORY_ENDS[mood]}"
    )


def _purchase(r: Random) -> dict[str, str]:
    return {
        "人の名前": r.choice(w.PEOPLE),
        "場所": r.choice(w.PLACES),
        "品物": r.choice(w.GOODS),
        "値段": f"{r.randint(1, 49) * 100}円",
        "日付": f"{r.randint(1, 12)}月{r.randint(1, 28)}日",
    }


def extract_purchase(r: Random) -> Pair:
    facts = _purchase(r)
    sentence = r.choice(
        [
            "{日付}、{人の名前}は{場所}で{品物}を{値段}で買いました。",
            "{人の名前}が{場所}へ行き、{値段}の{品物}を選んだのは{日付}のことです。",
        ]
    ).format(**facts)
    field = r.choice(list(facts))
    return f"次の文から{field}を抜き出してください。\n{sentence}", facts[field]


def extract_meeting(r: Random) -> Pair:
    hour = f"{r.choice(['午前', '午後'])}{r.randint(1, 11)}時"
    facts = {
        "曜日": r.choice(w.WEEKDAYS) + "曜日",
        "時刻": hour,
        "部屋": r.choice(w.ROOMS),
        "担当者": r.choice(w.PEOPLE),
    }
    field = r.choice(list(facts))
    text = f"打ち合わせは{facts['曜日']}の{hour}から{facts['部屋']}で行います。担当は{facts['担当者']}です。"
    return f"次のお知らせから{field}を抜き出してください。\n{text}", facts[field]


def extract_names(r: Random) -> Pair:
    people = r.sample(w.PEOPLE, r.randint(2, 3))
    parts = [f"{p}は{r.choice(w.PLACES)}へ行きました。" for p in people]
    return f"次の文に出てくる人の名前をすべて挙げてください。\n{''.join(parts)}", "、".join(people)


def extract_json(r: Random) -> Pair:
    facts = _purchase(r)
    text = f"{facts['人の名前']}は{facts['場所']}で{facts['品物']}を買いました。"
    answer = f'{{"名前": "{facts["人の名前"]}", "場所": "{facts["場所"]}", "品物": "{facts["品物"]}"}}'
    return f"次の文から名前、場所、品物をJSONで取り出してください。\n{text}", answer


def classify_review(r: Random) -> Pair:
    label, pool = r.choice([("肯定的", w.PRAISE), ("否定的", w.BLAME), ("中立", w.NEUTRAL)])
    review = f"{r.choice(w.REVIEWED)}ですが、{r.choice(pool)}。" + r.choice(
        ["", "", "駅前の店で買ったものです。", "妹と二人で試しました。"]
    )
    return f"次の感想は肯定的、否定的、中立のどれですか。一語で答えてください。\n{review}", label


def classify_groups(r: Random) -> Pair:
    groups = r.sample(list(w.GROUPS), 3)
    chosen = {g: r.sample(w.GROUPS[g], r.randint(1, 2)) for g in groups}
    mixed = [word for members in chosen.values() for word in members]
    r.shuffle(mixed)
    answer = "\n".join(f"{g}：{'、'.join(x for x in mixed if x in chosen[g])}" for g in groups)
    return f"次の言葉を{'、'.join(groups)}に分けてください。\n{'、'.join(mixed)}", answer


def classify_odd_one(r: Random) -> Pair:
    main, other = r.sample(list(w.GROUPS), 2)
    odd = r.choice(w.GROUPS[other])
    shown = [*r.sample(w.GROUPS[main], 3), odd]
    r.shuffle(shown)
    answer = f"{odd}です。ほかは{main}ですが、{odd}は{other}です。"
    return f"仲間はずれを一つ選び、理由も書いてください。\n{'、'.join(shown)}", answer


def classify_request(r: Random) -> Pair:
    label = r.choice(list(w.REQUESTS))
    opening = r.choice(["", "お世話になります。", "先週注文した者です。", f"{r.choice(w.GOODS)}を注文しました。"])
    text = opening + r.choice(w.REQUESTS[label])
    return f"次の問い合わせは配送、返品、支払いのどれですか。\n{text}", label


def sum_of_things(r: Random) -> Pair:
    who, thing, a, b = r.choice(w.PEOPLE), r.choice(w.GROUPS["果物"]), r.randint(2, 20), r.randint(2, 20)
    if r.random() < 0.5:
        return (
            f"{who}は{thing}を{a}個持っています。{b}個もらうと、全部で何個ですか。",
            f"{a}+{b}={a + b}なので、{a + b}個です。",
        )
    have = a + b
    return (
        f"{who}は{thing}を{have}個持っています。{b}個あげると、残りは何個ですか。",
        f"{have}-{b}={a}なので、{a}個です。",
    )


def price(r: Random) -> Pair:
    thing, each, n = r.choice(w.GOODS), r.randint(2, 20) * 10, r.randint(2, 9)
    return f"1つ{each}円の{thing}を{n}つ買うと、いくらですか。", f"{each}×{n}={each * n}なので、{each * n}円です。"


def change(r: Random) -> Pair:
    paid, cost = r.choice([500, 1000]), r.randint(5, 49) * 10
    return (
        f"{cost}円の{r.choice(w.GOODS)}を買い、{paid}円を出すと、おつりはいくらですか。",
        f"{paid}-{cost}={paid - cost}なので、{paid - cost}円です。",
    )


def product(r: Random) -> Pair:
    a, b = r.randint(2, 9), r.randint(2, 12)
    return f"{a}×{b}はいくつですか。数だけ答えてください。", str(a * b)


def _action(r: Random) -> tuple[str, str, tuple[str, str, str]]:
    time, place, plain = r.choice(w.TIMES), r.choice(w.PLACES), r.choice(list(w.VERBS))
    return f"{time}、{place}で", plain, w.VERBS[plain]


def rewrite_verb(r: Random) -> Pair:
    opening, plain, (polite, past, negative) = _action(r)
    asked, changed = r.choice([("丁寧な言い方", polite), ("過去の文", past), ("否定文", negative)])
    return f"次の文を{asked}に直してください。\n{opening}{plain}。", f"{opening}{changed}。"


def rewrite_hiragana(r: Random) -> Pair:
    a, b = r.sample(list(w.READINGS), 2)
    return f"次の言葉をひらがなで書いてください。\n{a}と{b}", f"{w.READINGS[a]}と{w.READINGS[b]}"


def rewrite_passive(r: Random) -> Pair:
    (a, b), (active, passive) = r.sample(w.FAMILY, 2), r.choice(w.PASSIVES)
    return f"次の文を受け身の文に直してください。\n{a}が{b}を{active}。", f"{b}が{a}に{passive}。"


def rewrite_opposite(r: Random) -> Pair:
    both = r.choice(list(w.OPPOSITES))
    (word, opposite), thing, place = r.sample(both, 2), r.choice(w.OPPOSITES[both]), r.choice(w.PLACES)
    return f"次の文を反対の意味にしてください。\n{place}の{thing}は{word}。", f"{place}の{thing}は{opposite}。"


def role_play(r: Random) -> Pair:
    role, matter, guest = (
        r.choice(list(w.ROLES)),
        r.choice(list(w.MATTERS)),
        r.choice(["お客さん", "子どもたち", "旅の人"]),
    )
    opening, closing = w.ROLES[role]
    return (
        f"あなたは{role}です。{guest}に、{matter}を伝えてください。",
        f"{opening}{guest}、{w.MATTERS[matter]}{closing}",
    )


def summary_event(r: Random) -> Pair:
    town, season, event = r.choice(w.TOWNS), r.choice(w.SEASONS), r.choice(list(w.EVENTS))
    feature, short = w.EVENTS[event]
    people, plan = r.randint(2, 9) * 100, r.choice(w.PLANS)
    text = (
        f"{town}で{season}の{event}が開かれました。集まったのは{people}人で、{feature}がとくに人気でした。"
        f"主催者は「{plan}」と話しています。"
    )
    if r.random() < 0.4:
        return f"次の記事に短い見出しを付けてください。\n{text}", f"{town}の{event}に{people}人、{short}が人気"
    return (
        f"次の文章を一文にまとめてください。\n{text}",
        f"{town}の{season}の{event}に{people}人が集まり、主催者は「{plan}」と話している。",
    )


def summary_trouble(r: Random) -> Pair:
    town, trouble, day = r.choice(w.TOWNS), r.choice(list(w.TROUBLES)), r.choice(w.WEEKDAYS)
    first, second, second_plain = w.TROUBLES[trouble]
    text = f"{day}曜日の朝から、{town}では{trouble}が続きました。そのため{first}、{second}。けがをした人はいません。"
    return (
        f"次の文章を一文にまとめてください。\n{text}",
        f"{town}では{day}曜日の{trouble}で{second_plain}が、けが人はいない。",
    )


def summary_points(r: Random) -> Pair:
    who, place, goods, hour = r.choice(w.PEOPLE), r.choice(w.PLACES), r.sample(w.GOODS, 2), r.randint(1, 11)
    text = f"{who}へ。午後{hour}時に{place}へ来てください。{goods[0]}と{goods[1]}を忘れずに持ってきてください。"
    return (
        f"次の連絡を箇条書きにしてください。\n{text}",
        f"・時刻：午後{hour}時\n・場所：{place}\n・持ち物：{goods[0]}と{goods[1]}",
    )


def code_function(r: Random) -> Pair:
    what, name, x = r.choice(list(w.FUNCTIONS)), r.choice(w.FUNCTION_NAMES), r.choice(w.ARGUMENTS)
    body = w.FUNCTIONS[what].format(x=x)
    return f"Pythonで、リスト{x}の{what}を返す関数{name}を書いてください。", f"def {name}({x}):\n    return {body}"


def code_loop(r: Random) -> Pair:
    first, last = r.randint(1, 9), r.randint(10, 30)
    question = f"Pythonで、{first}から{last}までの数を順に表示するコードを書いてください。"
    return question, f"for i in range({first}, {last + 1}):\n    print(i)"


def code_output(r: Random) -> Pair:
    a, b, sign = r.randint(2, 12), r.randint(2, 12), r.choice("+*")
    return f"次のPythonのコードは何を表示しますか。\nprint({a} {sign} {b})", str(a + b if sign == "+" else a * b)


def date_weekday(r: Random) -> Pair:
    day, later = r.randrange(7), r.randint(1, 14)
    return f"今日は{w.WEEKDAYS[day]}曜日です。{later}日後は何曜日ですか。", f"{w.WEEKDAYS[(day + later) % 7]}曜日です。"


def date_later(r: Random) -> Pair:
    start, later = datetime.date(2023, 1, 1) + datetime.timedelta(r.randrange(365)), r.randint(2, 10)
    end = start + datetime.timedelta(later)
    return f"{start.month}月{start.day}日の{later}日後は何月何日ですか。", f"{end.month}月{end.day}日です。"


def date_iso(r: Random) -> Pair:
    year, month, day = r.randint(1990, 2030), r.randint(1, 12), r.randint(1, 28)
    return f"{year}年{month}月{day}日をハイフンでつないだ形で書いてください。", f"{year}-{month:02}-{day:02}"


def date_era(r: Random) -> Pair:
    n = r.randint(2, 12)
    if r.random() < 0.5:
        return f"令和{n}年は西暦何年ですか。", f"令和{n}年は西暦{n + 2018}年です。"
    year = r.choice([r.randrange(1992, 2033, 4), r.randint(1990, 2032)])
    answer = (
        f"はい、{year}年はうるう年です。" if calendar.isleap(year) else f"いいえ、{year}年はうるう年ではありません。"
    )
    return f"{year}年はうるう年ですか。", answer


def date_clock(r: Random) -> Pair:
    hour, minute, later = r.randint(1, 10), r.randint(0, 5) * 10, r.randint(1, 9) * 10
    total = hour * 60 + minute + later
    return f"午前{hour}時{minute}分の{later}分後は何時何分ですか。", f"午前{total // 60}時{total % 60}分です。"


# Weights: the more a question needs working out, the more often it is practised.
TEMPLATES: list[tuple[Callable[[Random], Pair], float]] = [
    (idea_activities, 3),
    (idea_uses, 1.5),
    (idea_shop_names, 1.5),
    (story_find, 4),
    (story_worker, 2),
    (extract_purchase, 4),
    (extract_meeting, 2.5),
    (extract_names, 2),
    (extract_json, 2),
    (classify_review, 2),
    (classify_groups, 3),
    (classify_odd_one, 3),
    (classify_request, 2),
    (sum_of_things, 6),
    (price, 4),
    (change, 4),
    (product, 2),
    (rewrite_verb, 3),
    (rewrite_hiragana, 2),
    (rewrite_passive, 2),
    (rewrite_opposite, 2),
    (role_play, 4),
    (summary_event, 4),
    (summary_trouble, 2),
    (summary_points, 2),
    (code_function, 3),
    (code_loop, 2),
    (code_output, 3),
    (date_weekday, 4),
    (date_later, 4),
    (date_iso, 2),
    (date_era, 2),
    (date_clock, 3),
]
