#include "core/budget.h"

#include "base/limits.h"

static const struct {
    uint32_t limit;
    const char *words;
} items[] = {
#define BUDGET(name, limit, words) {limit, words},
    BUDGET_TABLE(BUDGET)
#undef BUDGET
};

bool budget_take(struct budget *b, enum budget_item item, uint32_t amount)
{
    if (amount > items[item].limit - b->spent[item]) {
        if (b->exhausted == 0)
            b->exhausted = (uint8_t)(1 + item);
        return false;
    }
    b->spent[item] += amount;
    return true;
}

uint32_t budget_limit(enum budget_item item)
{
    return items[item].limit;
}

const char *budget_words(enum budget_item item)
{
    return items[item].words;
}
