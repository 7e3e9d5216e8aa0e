#include "store/open/point_details.h"

#include "connection.h"
#include "open/selects.h"

namespace espalier::store {

void each_detailed_point(const std::filesystem::path& file, const std::function<void(const DetailedPoint&)>& call) {
  const auto database = open_database(file, Mode::ReadOnly);
  translated(file, [&] {
    SQLite::Statement select(*database, select_details);
    DetailedPoint point;
    while (select.executeStep()) {
      point.key = select.getColumn(0).getString();
      point.step = select.getColumn(1).getInt64();
      point.kind = select.getColumn(2).getString();
      point.last = select.getColumn(3).getInt() != 0;
      point.mask_digest = select.getColumn(4).getString();
      point.details = select.getColumn(5).getString();
      call(point);
    }
    return 0;
  });
}

}  // namespace espalier::store
